//! The state of a product, and the quote that orders keep of it.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Annotations, Money, ProductId};

/// A product as its events have left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The id, which carries the slot of the product.
    pub id: ProductId,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The name; never blank.
    pub name: String,
    /// The description; may be empty.
    pub description: String,
    /// The price of one unit; may be zero.
    pub price: Money,
    /// Whether it is withdrawn, for good: it is read-only and cannot be ordered.
    pub withdrawn: bool,
    /// The external reference and the metadata. Not in the derived form: older nodes do not expect
    /// them, and newer ones are sent them beside the state.
    #[serde(skip)]
    pub annotations: Annotations,
}

/// A product at one version, as an order line keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The id of the product.
    pub product_id: ProductId,
    /// The version of the product.
    pub version: u64,
    /// The name at that version.
    pub name: String,
    /// The price of one unit at that version.
    pub unit_price: Money,
}
