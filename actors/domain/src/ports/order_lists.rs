//! The list of all orders: filters, two sort orders, and pages by key.

use async_trait::async_trait;
use fritzy_types::{StorageError, Timestamp};
use uuid::Uuid;

use super::{MemoryBudget, SortKey, Stored};
use crate::{AccountId, Currency, Order, OrderId, OrderStatus, ProductId, Version};

/// Rows that a page looks at, at most. A filter that no index serves alone skips rows that do not
/// match; some 10 000 of them take 10 to 50 ms, which a request may wait for.
pub const LOOKED_AT_MAX: u32 = 10_000;

/// Which orders a list has. A condition that is absent admits every order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Those in one of these statuses; an empty list admits none.
    pub statuses: Option<Vec<OrderStatus>>,
    /// Those of this account.
    pub account: Option<AccountId>,
    /// Those with a line of this product.
    pub product: Option<ProductId>,
    /// Those created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Those created before this time.
    pub created_before: Option<Timestamp>,
    /// Those whose total is in this range.
    pub totals: Option<TotalRange>,
}

/// Totals of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalRange {
    /// The currency.
    pub currency: Currency,
    /// The smallest total, in minor units; 0 for no limit.
    pub min: i64,
    /// The largest total, in minor units; [`TotalRange::UNLIMITED`] for no limit.
    pub max: i64,
}

impl TotalRange {
    /// Every total is at most this many minor units.
    pub const UNLIMITED: i64 = crate::MINOR_UNITS_END;

    /// Every total of a currency.
    pub const fn all(currency: Currency) -> Self {
        Self {
            currency,
            min: 0,
            max: Self::UNLIMITED,
        }
    }
}

impl OrderFilter {
    /// Whether the list has this order.
    pub fn matches(&self, order: &Order) -> bool {
        let statuses = self.statuses.as_ref();
        statuses.is_none_or(|statuses| statuses.contains(&order.status))
            && self
                .account
                .is_none_or(|account| account == order.account_id)
            && self.product.is_none_or(|product| {
                let mut lines = order.lines.iter();
                lines.any(|line| line.product_id == product)
            })
            && self
                .created_from
                .is_none_or(|from| order.created_at >= from)
            && self.created_before.is_none_or(|end| order.created_at < end)
            && self.totals.is_none_or(|totals| {
                order.total.currency() == totals.currency
                    && (totals.min..=totals.max).contains(&order.total.minor_units())
            })
    }
}

/// What orders are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSort {
    /// By (created at, id).
    Creation,
    /// By (currency code, total, id): totals of different currencies cannot be compared.
    Total,
}

/// The place of an order in the list by totals. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalKey {
    /// The currency of the total.
    pub currency: Currency,
    /// The total in minor units.
    pub minor_units: i64,
    /// The id of the order.
    pub id: Uuid,
}

/// The place of an order in a list of one of the sort orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// In a list by creation.
    Creation(SortKey),
    /// In a list by totals.
    Total(TotalKey),
}

impl OrderKey {
    /// The place of `order` in a list sorted by `sort`.
    pub fn of(order: &Order, sort: OrderSort) -> Self {
        let id = *order.id.as_uuid();
        match sort {
            OrderSort::Creation => Self::Creation(SortKey {
                created_at: order.created_at,
                id,
            }),
            OrderSort::Total => Self::Total(TotalKey {
                currency: order.total.currency(),
                minor_units: order.total.minor_units(),
                id,
            }),
        }
    }
}

/// A part of a list in one of the sort orders: what is behind one key and before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderInterval {
    /// Of the list by creation.
    Creation {
        /// Only orders behind this key.
        after: Option<SortKey>,
        /// Only orders before this key.
        before: Option<SortKey>,
    },
    /// Of the list by totals.
    Total {
        /// Only orders behind this key.
        after: Option<TotalKey>,
        /// Only orders before this key.
        before: Option<TotalKey>,
    },
}

impl OrderInterval {
    /// The sort order of the list.
    pub const fn sort(&self) -> OrderSort {
        match self {
            Self::Creation { .. } => OrderSort::Creation,
            Self::Total { .. } => OrderSort::Total,
        }
    }
}

/// A page of the list of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderListPage {
    /// Where in the list, and by which sort order.
    pub interval: OrderInterval,
    /// Rows to return at most.
    pub take: u32,
    /// Whether to take the last rows instead of the first. They are in ascending order either way.
    pub from_end: bool,
}

/// The orders of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSlice {
    /// In ascending order.
    pub orders: Vec<Stored<Order>>,
    /// The last order looked at, if the page ended after [`LOOKED_AT_MAX`] of them before it was
    /// full: the list continues behind it, or before it for a page from the end.
    pub stopped_at: Option<OrderKey>,
}

/// When an order changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTimes {
    /// The time of the event of its version.
    pub updated_at: Timestamp,
    /// The time of its completion or cancellation up to that version.
    pub closed_at: Option<Timestamp>,
}

/// The list of all orders.
#[async_trait]
pub trait OrderLists: Send + Sync {
    /// A page of the orders that `filter` admits. Each row is charged to `budget` before the next
    /// is fetched. The page is read from one snapshot.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, StorageError>;

    /// When each of `orders` changed, up to the given version, in the order of `orders`. One query
    /// for some hundred orders; later events have no effect.
    ///
    /// # Errors
    /// When the store is unavailable, or an order has no event of its version.
    async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
    ) -> Result<Vec<OrderTimes>, StorageError>;
}
