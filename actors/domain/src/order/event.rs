//! The events of an order.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, ExternalReference, Metadata, Money, OrderId, OrderLine};

/// An event of an order. It serializes as its content; the type is stored in a field of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// Its type is `order.created`; it is the first event of every order.
    Created(OrderCreated),
    /// Its type is `order.confirmed`; the order is not delivered yet.
    Confirmed(OrderConfirmed),
    /// Its type is `order.completed`; the order was delivered; its status changes no more.
    Completed(OrderCompleted),
    /// Its type is `order.cancelled`; its status changes no more.
    Cancelled(OrderCancelled),
    /// Its type is `order.annotated`; the external reference, the metadata or both have changed.
    Annotated(OrderAnnotated),
}

impl OrderEvent {
    pub(crate) const CREATED: &'static str = "order.created";
    pub(crate) const CONFIRMED: &'static str = "order.confirmed";
    pub(crate) const COMPLETED: &'static str = "order.completed";
    pub(crate) const CANCELLED: &'static str = "order.cancelled";
    pub(crate) const ANNOTATED: &'static str = "order.annotated";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Confirmed(_) => Self::CONFIRMED,
            Self::Completed(_) => Self::COMPLETED,
            Self::Cancelled(_) => Self::CANCELLED,
            Self::Annotated(_) => Self::ANNOTATED,
        }
    }
}

/// An order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// The id of the new order.
    pub order_id: OrderId,
    /// The account that ordered.
    pub account_id: AccountId,
    /// The lines; at least one.
    pub lines: Vec<OrderLine>,
    /// The sum over the lines (invariant I4).
    pub total: Money,
    /// The external reference it was created with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata it was created with.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The time of the decision.
    pub at: Timestamp,
}

/// An order was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The id of the order.
    pub order_id: OrderId,
    /// The time of the decision.
    pub at: Timestamp,
}

/// An order was completed: it was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCompleted {
    /// The id of the order.
    pub order_id: OrderId,
    /// The account that ordered; for the published event.
    pub account_id: AccountId,
    /// The total; for the published event.
    pub total: Money,
    /// The time of the decision.
    pub at: Timestamp,
}

/// An order was cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The id of the order.
    pub order_id: OrderId,
    /// Why, if a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the decision.
    pub at: Timestamp,
}

/// The external reference or the metadata of an order was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAnnotated {
    /// The id of the order.
    pub order_id: OrderId,
    /// The external reference after the change; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata after the change; absent if there is none.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The time of the decision.
    pub at: Timestamp,
}
