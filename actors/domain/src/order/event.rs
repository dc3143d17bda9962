//! What can have happened to an order.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Money, OrderId, OrderLine};

/// An event of an order. It serializes as its content; the type is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// `order.created`
    Created(OrderCreated),
    /// `order.confirmed`
    Confirmed(OrderConfirmed),
    /// `order.completed`
    Completed(OrderCompleted),
    /// `order.cancelled`
    Cancelled(OrderCancelled),
}

impl OrderEvent {
    pub(crate) const CREATED: &'static str = "order.created";
    pub(crate) const CONFIRMED: &'static str = "order.confirmed";
    pub(crate) const COMPLETED: &'static str = "order.completed";
    pub(crate) const CANCELLED: &'static str = "order.cancelled";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Confirmed(_) => Self::CONFIRMED,
            Self::Completed(_) => Self::COMPLETED,
            Self::Cancelled(_) => Self::CANCELLED,
        }
    }
}

/// An order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// Its id.
    pub order_id: OrderId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// The sum over the lines.
    pub total: Money,
    /// When.
    pub at: Timestamp,
}

/// An order was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// Which.
    pub order_id: OrderId,
    /// When.
    pub at: Timestamp,
}

/// An order was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCompleted {
    /// Which.
    pub order_id: OrderId,
    /// Whose; the outside event names it.
    pub account_id: AccountId,
    /// Its total; the outside event names it.
    pub total: Money,
    /// When.
    pub at: Timestamp,
}

/// An order was called off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// Which.
    pub order_id: OrderId,
    /// Why, if somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
