//! The type `Order`.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object};
use fritzy_domain::{Order, OrderId, OrderStatus, SortKey, Stored, Version};

use super::account::AccountObject;
use super::budgeted::{Row, Text};
use super::order_line::{LineRef, OrderLineObject, OrderedProduct};
use super::product::MoneyObject;
use super::related::Related;
use super::scalars::{Decimal, Time};

/// Status of an order.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "OrderStatus")]
enum OrderStatusEnum {
    /// The order is placed.
    Created,
    /// The order is accepted.
    Confirmed,
    /// The order is delivered; final.
    Completed,
    /// The order is cancelled; final.
    Cancelled,
}

impl From<OrderStatus> for OrderStatusEnum {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Created => Self::Created,
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// An order at one version, with what was read for the fields that are selected of it.
#[derive(Clone)]
pub(crate) struct OrderObject {
    order: Arc<Order>,
    version: Version,
    related: Arc<Related>,
}

impl OrderObject {
    /// The order with what [`Related::read`] has read for it.
    pub(super) fn new(order: Stored<Order>, related: Arc<Related>) -> Self {
        Self {
            order: Arc::new(order.state),
            version: order.version,
            related,
        }
    }

    pub(crate) fn order_id(&self) -> OrderId {
        self.order.id
    }

    /// Its sort key among the orders of its account.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.order.created_at,
            id: *self.order.id.as_uuid(),
        }
    }

    fn line_refs(&self) -> impl Iterator<Item = LineRef> {
        let lines = 0..self.order.lines.len();
        lines.map(|index| LineRef {
            order: self.order.clone(),
            related: self.related.clone(),
            index,
        })
    }
}

/// Order of an account, at the prices of the time of ordering.
#[Object(name = "Order")]
impl OrderObject {
    /// Id of the order.
    pub(super) async fn id(&self) -> ID {
        self.order.id.to_string().into()
    }

    /// Id of the account that ordered.
    async fn account_id(&self) -> String {
        self.order.account_id.to_string()
    }

    /// Account that ordered, as it is now.
    async fn account(&self) -> Option<AccountObject> {
        self.related.account(self.order.account_id)
    }

    /// When the order was placed.
    async fn created_at(&self) -> Time {
        Time(self.order.created_at)
    }

    /// Sum of all lines, exact to the last decimal.
    async fn total_price(&self) -> Decimal {
        self.order.total.into()
    }

    /// Sum of all lines, with its currency.
    async fn total_money(&self) -> MoneyObject {
        self.order.total.into()
    }

    /// Current status; `COMPLETED` and `CANCELLED` are final.
    async fn status(&self) -> OrderStatusEnum {
        self.order.status.into()
    }

    /// Reason for the cancellation, if one was given.
    async fn cancel_reason(&self) -> Option<Text<'_>> {
        self.order.cancel_reason.as_deref().map(Text)
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.version
    }

    /// Lines, in the order of the request.
    async fn lines(&self) -> Vec<Row<OrderLineObject>> {
        self.line_refs().map(OrderLineObject).map(Row).collect()
    }

    /// Products of the lines, in the order of the request. `lines` tells lines and products apart.
    async fn products(&self) -> Vec<Row<OrderedProduct>> {
        self.line_refs().map(OrderedProduct).map(Row).collect()
    }
}
