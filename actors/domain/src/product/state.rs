//! What a product is, and what it tells an order.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, ProductId};

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its name.
    pub name: String,
    /// Its description; may be empty.
    pub description: String,
    /// The price of one unit; may be zero.
    pub price: Money,
    /// Whether it is no longer to be had; final.
    pub withdrawn: bool,
}

/// A product at one moment, as an order line keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The product.
    pub product_id: ProductId,
    /// Which state of the product was quoted.
    pub version: u64,
    /// Its name then.
    pub name: String,
    /// The price of one unit then.
    pub unit_price: Money,
}
