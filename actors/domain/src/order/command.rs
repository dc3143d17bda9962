//! The commands to an order.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Annotations, AnnotationsChange, ProductId, Quote};

/// A command to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderCommand {
    /// Places the order. The command carries all data that the decision needs.
    Place(PlaceOrder),
    /// Confirms the order, which is not confirmed yet.
    Confirm,
    /// Completes the order: it is delivered.
    Complete,
    /// Cancels the order before it is delivered.
    Cancel {
        /// Why, not validated yet.
        reason: Option<String>,
    },
    /// Changes the external reference, the metadata, or both.
    Annotate(AnnotationsChange),
}

/// An order to place, at these quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The account that orders. The node that owns it has confirmed that it exists.
    pub account_id: AccountId,
    /// The lines, in the order of the request.
    pub lines: Vec<QuotedLine>,
    /// The external reference and the metadata. Not in the derived form, like those of states.
    #[serde(skip)]
    pub annotations: Annotations,
}

/// A line to place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    /// The product as it is at the time of ordering.
    pub quote: Quote,
    /// The number of units, not validated yet.
    pub quantity: i64,
}

/// A line as the client requested it, before the product was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedLine {
    /// The product to order.
    pub product_id: ProductId,
    /// The number of units, not validated yet.
    pub quantity: i64,
}
