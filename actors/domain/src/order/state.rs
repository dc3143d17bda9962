//! The state of an order.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::OrderStatus;
use crate::{AccountId, Annotations, Money, OrderId, ProductId};

/// An order as its events have left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The id; its slot is that of the account.
    pub id: OrderId,
    /// The account that ordered.
    pub account_id: AccountId,
    /// The time at which it was placed.
    pub created_at: Timestamp,
    /// The status; see [`OrderStatus::TRANSITIONS`].
    pub status: OrderStatus,
    /// The lines at the prices of that time; at least one.
    pub lines: Vec<OrderLine>,
    /// The sum over the lines (invariant I4).
    pub total: Money,
    /// The reason of the cancellation, if it was cancelled with one.
    pub cancel_reason: Option<String>,
    /// The external reference and the metadata. Not in the derived form: older nodes do not expect
    /// them, and newer ones are sent them beside the state.
    #[serde(skip)]
    pub annotations: Annotations,
}

/// A line of an order: a product as it was at the time of ordering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The id of the product.
    pub product_id: ProductId,
    /// The version of the product at that time.
    pub product_version: u64,
    /// The name at that version.
    pub name: String,
    /// The price of one unit at that version, in minor units of the order's currency.
    pub unit_price_minor: i64,
    /// The number of units; at least 1.
    pub quantity: u32,
}
