//! What an order can be asked to do.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ProductId, Quote};

/// A command to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderCommand {
    /// Come into being. Self-contained: everything it needs was asked for before.
    Place(PlaceOrder),
    /// Be accepted.
    Confirm,
    /// Be delivered.
    Complete,
    /// Be called off.
    Cancel {
        /// Why, as the client wrote it.
        reason: Option<String>,
    },
}

/// An order to be placed, with the quotes it is placed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Whose it will be; the account's owner has said that it exists.
    pub account_id: AccountId,
    /// What is ordered, in the client's order.
    pub lines: Vec<QuotedLine>,
}

/// One line to be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    /// The product at the moment of ordering.
    pub quote: Quote,
    /// How many, as the client wrote it.
    pub quantity: i64,
}

/// One line as the client asked for it, before anything is known of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedLine {
    /// The product.
    pub product_id: ProductId,
    /// How many, as the client wrote it.
    pub quantity: i64,
}
