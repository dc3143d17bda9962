//! What can have happened to a product.

use serde::{Deserialize, Serialize};

use crate::{Money, ProductId, Timestamp};

/// An event of a product. It serializes as its content; the type is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProductEvent {
    /// `product.created`
    Created(ProductCreated),
}

impl ProductEvent {
    pub(crate) const CREATED: &'static str = "product.created";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
        }
    }
}

/// A product came into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// Its id.
    pub product_id: ProductId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The price of one unit.
    pub price: Money,
    /// When.
    pub at: Timestamp,
}
