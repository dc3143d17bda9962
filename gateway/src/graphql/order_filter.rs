//! Filter and sort order of the list of all orders, as clients write them.

use async_graphql::{Enum, ID, InputObject};
use fritzy_domain::{
    AccountId, Currency, Flaw, Money, OrderFilter, OrderSort, OrderStatus, ProductId, Rejection,
    TotalRange,
};

use super::inputs::MoneyInput;
use super::order::OrderStatusEnum;
use super::relay::List;
use super::scalars::Time;

/// Conditions that all must hold. One that is absent or null admits every order.
#[derive(InputObject, Clone, Debug, Default)]
#[graphql(name = "OrderFilter")]
pub(crate) struct OrderFilterInput {
    /// Orders in one of these statuses; at most 4. An empty list admits no order.
    status: Option<Vec<OrderStatusEnum>>,
    /// Orders of this account. None, if there is no such account.
    account_id: Option<ID>,
    /// Orders with a line of this product. None, if there is no such product.
    product_id: Option<ID>,
    /// Orders placed at this time or later.
    created_from: Option<Time>,
    /// Orders placed before this time.
    created_before: Option<Time>,
    /// Orders in this currency: its ISO 4217 code.
    currency: Option<String>,
    /// Orders in the currency of this amount with at least this total. Its currency defaults to
    /// that of the filter, then to the shop's.
    total_min: Option<MoneyInput>,
    /// Orders in the currency of this amount with at most this total. Its currency defaults to that
    /// of the filter, then to the shop's.
    total_max: Option<MoneyInput>,
}

/// Sort order of orders. Totals of different currencies are not compared: orders are sorted by the
/// code of their currency first.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "OrderSort")]
pub(crate) enum OrderSortEnum {
    /// Oldest first, then by id.
    CreatedAsc,
    /// Newest first, then by id, descending.
    CreatedDesc,
    /// By currency from A to Z, smallest total first, then by id.
    TotalAsc,
    /// By currency from Z to A, largest total first, then by id, descending.
    TotalDesc,
}

impl OrderSortEnum {
    pub(crate) const fn list(self) -> List {
        match self {
            Self::CreatedAsc => List::OrdersByCreation,
            Self::CreatedDesc => List::OrdersByCreationDescending,
            Self::TotalAsc => List::OrdersByTotal,
            Self::TotalDesc => List::OrdersByTotalDescending,
        }
    }

    pub(crate) const fn sort(self) -> OrderSort {
        match self {
            Self::CreatedAsc | Self::CreatedDesc => OrderSort::Creation,
            Self::TotalAsc | Self::TotalDesc => OrderSort::Total,
        }
    }

    pub(crate) const fn is_descending(self) -> bool {
        matches!(self, Self::CreatedDesc | Self::TotalDesc)
    }
}

impl OrderFilterInput {
    /// The filter, with `currency` as that of amounts without one.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] naming the field, such as `filter.productId`.
    pub(crate) fn check(self, currency: Currency) -> Result<OrderFilter, Rejection> {
        let totals = self.totals(currency)?;
        let account = self
            .account_id
            .map(|id| AccountId::parse(&id, "filter.accountId"));
        let product = self
            .product_id
            .map(|id| ProductId::parse(&id, "filter.productId"));
        Ok(OrderFilter {
            statuses: self.status.map(statuses).transpose()?,
            account: account.transpose()?,
            product: product.transpose()?,
            created_from: self.created_from.map(|time| time.0),
            created_before: self.created_before.map(|time| time.0),
            totals,
        })
    }

    fn totals(&self, default: Currency) -> Result<Option<TotalRange>, Rejection> {
        let own = self.currency.as_deref();
        let own = own
            .map(|code| currency(code, "filter.currency"))
            .transpose()?;
        let min = amount(
            self.total_min.as_ref(),
            own.unwrap_or(default),
            "filter.totalMin",
        )?;
        // Without a currency, the upper bound is in that of the lower one.
        let other = own.or(min.map(Money::currency)).unwrap_or(default);
        let max = amount(self.total_max.as_ref(), other, "filter.totalMax")?;
        let bounds = [
            (min, "filter.totalMin.currency"),
            (max, "filter.totalMax.currency"),
        ];
        let of_both = own.map(|own| (own, "filter.currency"));
        let of_both = of_both.or(min.map(|min| (min.currency(), "filter.totalMin")));
        let Some((currency, named_by)) = of_both.or(max.map(|max| (max.currency(), ""))) else {
            return Ok(None);
        };
        for (bound, field) in bounds {
            if bound.is_some_and(|bound| bound.currency() != currency) {
                let other = format!("another currency in {named_by}").into();
                return Err(Rejection::invalid(field, Flaw::NotWith { other }));
            }
        }
        Ok(Some(TotalRange {
            currency,
            min: min.map_or(0, Money::minor_units),
            max: max.map_or(TotalRange::UNLIMITED, Money::minor_units),
        }))
    }
}

fn statuses(statuses: Vec<OrderStatusEnum>) -> Result<Vec<OrderStatus>, Rejection> {
    let max = OrderStatus::ALL.len();
    if statuses.len() > max {
        return Err(Rejection::invalid("filter.status", Flaw::TooMany { max }));
    }
    Ok(statuses.into_iter().map(Into::into).collect())
}

fn currency(code: &str, field: &str) -> Result<Currency, Rejection> {
    Currency::from_code(code).ok_or_else(|| Rejection::invalid(field, Flaw::UnknownCurrency))
}

fn amount(
    input: Option<&MoneyInput>,
    default: Currency,
    field: &str,
) -> Result<Option<Money>, Rejection> {
    let Some(input) = input else { return Ok(None) };
    let code = input.currency.as_deref();
    let named = code.map(|code| currency(code, &format!("{field}.currency")));
    let currency = named.transpose()?.unwrap_or(default);
    Money::parse(&input.amount, currency, &format!("{field}.amount")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: Option<&str>) -> Option<MoneyInput> {
        Some(MoneyInput {
            amount: amount.into(),
            currency: currency.map(Into::into),
        })
    }

    fn totals(
        currency: Option<&str>,
        total_min: Option<MoneyInput>,
        total_max: Option<MoneyInput>,
    ) -> Result<Option<TotalRange>, String> {
        let filter = OrderFilterInput {
            currency: currency.map(Into::into),
            total_min,
            total_max,
            ..OrderFilterInput::default()
        };
        let checked = filter.check(Currency::USD);
        let field = |rejection: Rejection| rejection.field().unwrap_or_default().to_owned();
        checked.map(|filter| filter.totals).map_err(field)
    }

    #[test]
    fn amounts_take_the_currency_of_the_filter_or_the_shop() {
        let yen = Currency::from_code("JPY").expect("JPY");
        let range = |currency, min, max| Ok(Some(TotalRange { currency, min, max }));
        let end = TotalRange::UNLIMITED;
        assert_eq!(totals(None, None, None), Ok(None));
        assert_eq!(totals(Some("JPY"), None, None), range(yen, 0, end));
        let (one, two) = (money("1", None), money("2", None));
        assert_eq!(
            totals(None, one.clone(), two.clone()),
            range(Currency::USD, 100, 200)
        );
        assert_eq!(totals(Some("JPY"), one.clone(), None), range(yen, 1, end));
        let in_yen = money("1", Some("JPY"));
        assert_eq!(totals(None, in_yen.clone(), two), range(yen, 1, 2));
        assert_eq!(totals(Some("JPY"), None, in_yen), range(yen, 0, 1));
    }

    #[test]
    fn invalid_amounts_and_currencies_are_named() {
        let (usd, eur) = (money("1", Some("USD")), money("1", Some("EUR")));
        for (currency, min, max, field) in [
            (Some("usd"), None, None, "filter.currency"),
            (None, money("x", None), None, "filter.totalMin.amount"),
            (None, money("1.005", None), None, "filter.totalMin.amount"),
            (None, None, money("-1", None), "filter.totalMax.amount"),
            (
                None,
                None,
                money("1", Some("gold")),
                "filter.totalMax.currency",
            ),
            (None, usd.clone(), eur.clone(), "filter.totalMax.currency"),
            (Some("USD"), eur.clone(), None, "filter.totalMin.currency"),
            (Some("EUR"), None, usd, "filter.totalMax.currency"),
        ] {
            assert_eq!(totals(currency, min, max), Err(field.into()));
        }
    }
}
