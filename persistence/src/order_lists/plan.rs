//! Chooses the index that serves a list of orders. Conditions that it cannot serve are compared row
//! by row.

use fritzy_domain::{
    AccountId, OrderFilter, OrderInterval, OrderStatus, ProductId, SortKey, TotalKey, TotalRange,
};
use fritzy_types::Timestamp;
use uuid::Uuid;

/// How a list of orders is read: in the order of one index, between two of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(super) scan: Scan,
    /// Conditions that the index does not serve.
    pub(super) compared: Option<OrderFilter>,
}

/// A range of one index, without its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// Of one of the indexes by creation.
    Creation {
        source: Source,
        after: SortKey,
        before: SortKey,
    },
    /// Of the index by totals.
    Total {
        after: TotalBound,
        before: TotalBound,
    },
}

/// Which rows an index by creation has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    AllOrders,
    OfAccount(AccountId),
    OfProduct(ProductId),
    /// From one to three: one range of the index each, merged.
    InStatuses(Vec<OrderStatus>),
}

/// A key of the index by totals, or a place before or behind all its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TotalBound {
    pub(super) currency: &'static str,
    pub(super) minor_units: i64,
    pub(super) id: Uuid,
}

impl TotalBound {
    const START: Self = Self {
        currency: "",
        minor_units: i64::MIN,
        id: Uuid::nil(),
    };
    /// Codes of currencies are three capitals, which every collation sorts alike.
    const END: Self = Self {
        currency: "ZZZ",
        minor_units: i64::MAX,
        id: Uuid::max(),
    };
}

impl From<TotalKey> for TotalBound {
    fn from(key: TotalKey) -> Self {
        Self {
            currency: key.currency.code(),
            minor_units: key.minor_units,
            id: key.id,
        }
    }
}

impl Plan {
    /// The plan of a part of a list; `None` if the filter admits no order at all.
    pub(crate) fn of(filter: &OrderFilter, interval: OrderInterval) -> Option<Self> {
        if has_empty_range(filter) {
            return None;
        }
        let mut rest = filter.clone();
        if let Some(statuses) = &filter.statuses {
            let wanted = OrderStatus::ALL.into_iter();
            let wanted: Vec<_> = wanted.filter(|one| statuses.contains(one)).collect();
            if wanted.is_empty() {
                return None;
            }
            let all = wanted.len() == OrderStatus::ALL.len();
            rest.statuses = (!all).then_some(wanted);
        }
        let scan = match interval {
            OrderInterval::Creation { after, before } => by_creation(&mut rest, after, before),
            OrderInterval::Total { after, before } => by_total(&mut rest, after, before),
        };
        let is_empty = match &scan {
            Scan::Creation { after, before, .. } => after >= before,
            Scan::Total { after, before } => after >= before,
        };
        (!is_empty).then(|| Self {
            scan,
            compared: (rest != OrderFilter::default()).then_some(rest),
        })
    }

    /// The plan by which the whole list is counted.
    pub(crate) fn for_count(filter: &OrderFilter) -> Option<Self> {
        let is_selective =
            filter.account.is_some() || filter.product.is_some() || filter.statuses.is_some();
        let has_times = filter.created_from.is_some() || filter.created_before.is_some();
        let (after, before) = (None, None);
        if filter.totals.is_some() && !is_selective && !has_times {
            let (after, before) = (None, None);
            return Self::of(filter, OrderInterval::Total { after, before });
        }
        Self::of(filter, OrderInterval::Creation { after, before })
    }
}

fn has_empty_range(filter: &OrderFilter) -> bool {
    let times = filter.created_from.zip(filter.created_before);
    times.is_some_and(|(from, end)| from >= end)
        || filter.totals.is_some_and(|totals| totals.min > totals.max)
}

/// Takes what an index by creation serves out of `rest`.
fn by_creation(rest: &mut OrderFilter, after: Option<SortKey>, before: Option<SortKey>) -> Scan {
    let after = after.unwrap_or(SortKey::START);
    let before = before.unwrap_or(SortKey::END);
    let from = rest
        .created_from
        .take()
        .map_or(SortKey::START, behind_all_before);
    let end = rest
        .created_before
        .take()
        .map_or(SortKey::END, |end| SortKey {
            created_at: end,
            id: Uuid::nil(),
        });
    let source = if let Some(account) = rest.account.take() {
        Source::OfAccount(account)
    } else if let Some(product) = rest.product.take() {
        Source::OfProduct(product)
    } else if let Some(statuses) = rest.statuses.take() {
        Source::InStatuses(statuses)
    } else {
        Source::AllOrders
    };
    Scan::Creation {
        source,
        after: after.max(from),
        before: before.min(end),
    }
}

/// The place behind every order that was created before `from`.
fn behind_all_before(from: Timestamp) -> SortKey {
    match from.as_micros().checked_sub(1) {
        None => SortKey::START,
        Some(earlier) => SortKey {
            created_at: Timestamp::from_micros(earlier),
            id: Uuid::max(),
        },
    }
}

/// Takes what the index by totals serves out of `rest`.
fn by_total(rest: &mut OrderFilter, after: Option<TotalKey>, before: Option<TotalKey>) -> Scan {
    let mut from = TotalBound::START;
    let mut end = TotalBound::END;
    if let Some(TotalRange { currency, min, max }) = rest.totals.take() {
        let currency = currency.code();
        from = TotalBound {
            currency,
            minor_units: min.saturating_sub(1),
            id: Uuid::max(),
        };
        end = TotalBound {
            currency,
            minor_units: max.saturating_add(1),
            id: Uuid::nil(),
        };
    }
    Scan::Total {
        after: after.map_or(from, |after| from.max(after.into())),
        before: before.map_or(end, |before| end.min(before.into())),
    }
}

#[cfg(test)]
mod tests {
    use fritzy_domain::Currency;

    use super::*;

    const BY_CREATION: OrderInterval = OrderInterval::Creation {
        after: None,
        before: None,
    };
    const BY_TOTAL: OrderInterval = OrderInterval::Total {
        after: None,
        before: None,
    };

    fn account() -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(1))
    }

    fn product() -> ProductId {
        ProductId::from_uuid(Uuid::from_u128(2))
    }

    fn source(filter: &OrderFilter) -> (Source, bool) {
        match Plan::of(filter, BY_CREATION).expect("some orders") {
            Plan {
                scan: Scan::Creation { source, .. },
                compared,
            } => (source, compared.is_none()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn single_conditions_are_served_by_an_index_alone() {
        let statuses = vec![OrderStatus::Created, OrderStatus::Cancelled];
        let times = OrderFilter {
            created_from: Some(Timestamp::from_micros(5)),
            created_before: Some(Timestamp::from_micros(9)),
            ..OrderFilter::default()
        };
        for (filter, expected) in [
            (times.clone(), Source::AllOrders),
            (
                OrderFilter {
                    account: Some(account()),
                    ..times.clone()
                },
                Source::OfAccount(account()),
            ),
            (
                OrderFilter {
                    product: Some(product()),
                    ..times.clone()
                },
                Source::OfProduct(product()),
            ),
            (
                OrderFilter {
                    // In another order, and repeated.
                    statuses: Some(vec![statuses[1], statuses[0], statuses[1]]),
                    ..times
                },
                Source::InStatuses(statuses),
            ),
            (
                OrderFilter {
                    statuses: Some(OrderStatus::ALL.to_vec()),
                    ..OrderFilter::default()
                },
                Source::AllOrders,
            ),
        ] {
            assert_eq!(source(&filter), (expected, true), "{filter:?}");
        }
        let totals = OrderFilter {
            totals: Some(TotalRange::all(Currency::USD)),
            ..OrderFilter::default()
        };
        let plan = Plan::of(&totals, BY_TOTAL).expect("some orders");
        assert_eq!(plan.compared, None);
        assert_eq!(Plan::for_count(&totals), Some(plan));
    }

    #[test]
    fn condition_beside_the_index_is_compared() {
        let filter = OrderFilter {
            account: Some(account()),
            product: Some(product()),
            ..OrderFilter::default()
        };
        let plan = Plan::of(&filter, BY_CREATION).expect("some orders");
        let rest = OrderFilter {
            product: Some(product()),
            ..OrderFilter::default()
        };
        assert_eq!(plan.compared, Some(rest));
        let plan = Plan::of(&filter, BY_TOTAL).expect("some orders");
        assert_eq!(plan.compared, Some(filter));
    }

    #[test]
    fn filter_without_any_order_has_no_plan() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        for filter in [
            OrderFilter {
                statuses: Some(vec![]),
                ..OrderFilter::default()
            },
            OrderFilter {
                created_from: at(5),
                created_before: at(5),
                ..OrderFilter::default()
            },
        ] {
            assert_eq!(Plan::of(&filter, BY_CREATION), None, "{filter:?}");
            assert_eq!(Plan::for_count(&filter), None, "{filter:?}");
        }
        let none = OrderFilter {
            totals: Some(TotalRange {
                currency: Currency::USD,
                min: 2,
                max: 1,
            }),
            ..OrderFilter::default()
        };
        assert_eq!(Plan::of(&none, BY_TOTAL), None);
    }
}
