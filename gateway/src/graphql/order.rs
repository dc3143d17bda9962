//! The type `Order`.

use async_graphql::{Context, Enum, ID, Object};
use fritzy_domain::OrderStatus;

use super::annotations::{MetadataEntry, entries_of, reference_of};
use super::budgeted::{Row, Text};
use super::errors::FieldResult;
use super::objects::{AccountObject, OrderObject};
use super::order_line::{OrderLineObject, OrderedProduct};
use super::order_times::times_of;
use super::product::MoneyObject;
use super::scalars::{Decimal, Time};

/// Status of an order.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "OrderStatus")]
pub(crate) enum OrderStatusEnum {
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

impl From<OrderStatusEnum> for OrderStatus {
    fn from(status: OrderStatusEnum) -> Self {
        match status {
            OrderStatusEnum::Created => Self::Created,
            OrderStatusEnum::Confirmed => Self::Confirmed,
            OrderStatusEnum::Completed => Self::Completed,
            OrderStatusEnum::Cancelled => Self::Cancelled,
        }
    }
}

/// Order of an account, at the prices of the time of ordering.
#[Object(name = "Order")]
impl OrderObject {
    /// Id of the order.
    pub(super) async fn id(&self) -> ID {
        self.state().id.to_string().into()
    }

    /// Id of the account that ordered.
    async fn account_id(&self) -> String {
        self.state().account_id.to_string()
    }

    /// Account that ordered, as it is now.
    async fn account(&self) -> Option<AccountObject> {
        self.ordered_by().cloned()
    }

    /// When the order was placed.
    async fn created_at(&self) -> Time {
        Time(self.state().created_at)
    }

    /// When the order was last changed; at first, when it was placed.
    async fn updated_at(&self, context: &Context<'_>) -> FieldResult<Time> {
        Ok(Time(times_of(context, self).await?.updated_at))
    }

    /// When the order was completed or cancelled; null while it can still change its status.
    async fn closed_at(&self, context: &Context<'_>) -> FieldResult<Option<Time>> {
        Ok(times_of(context, self).await?.closed_at.map(Time))
    }

    /// Sum of all lines, exact to the last decimal.
    async fn total_price(&self) -> Decimal {
        self.state().total.into()
    }

    /// Sum of all lines, with its currency.
    async fn total_money(&self) -> MoneyObject {
        self.state().total.into()
    }

    /// Current status; `COMPLETED` and `CANCELLED` are final.
    async fn status(&self) -> OrderStatusEnum {
        self.state().status.into()
    }

    /// Reason for the cancellation, if one was given.
    async fn cancel_reason(&self) -> Option<Text<'_>> {
        self.state().cancel_reason.as_deref().map(Text)
    }

    /// Reference of another system, unique among orders.
    async fn external_reference(&self) -> Option<Text<'_>> {
        reference_of(&self.state().annotations)
    }

    /// Metadata, by key; empty if there is none.
    async fn metadata(&self) -> Vec<Row<MetadataEntry<'_>>> {
        entries_of(&self.state().annotations)
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.at_version()
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
