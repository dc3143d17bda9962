//! The events of a product.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, ProductId};

/// An event of a product. It serializes as its content; the type is stored in a field of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProductEvent {
    /// Its type is `product.created`; it is the first event of every product.
    Created(ProductCreated),
    /// Its type is `product.updated`; the name, the description or both have changed.
    Updated(ProductUpdated),
    /// Its type is `product.repriced`; earlier orders keep their price.
    Repriced(ProductRepriced),
    /// Its type is `product.withdrawn`; it is the last event of a product.
    Withdrawn(ProductWithdrawn),
}

impl ProductEvent {
    pub(crate) const CREATED: &'static str = "product.created";
    pub(crate) const UPDATED: &'static str = "product.updated";
    pub(crate) const REPRICED: &'static str = "product.repriced";
    pub(crate) const WITHDRAWN: &'static str = "product.withdrawn";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Updated(_) => Self::UPDATED,
            Self::Repriced(_) => Self::REPRICED,
            Self::Withdrawn(_) => Self::WITHDRAWN,
        }
    }
}

/// A product was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The id of the new product.
    pub product_id: ProductId,
    /// The name; never blank.
    pub name: String,
    /// The description; may be empty.
    pub description: String,
    /// The price of one unit.
    pub price: Money,
    /// The time of the decision.
    pub at: Timestamp,
}

/// The name or description of a product was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUpdated {
    /// The id of the product.
    pub product_id: ProductId,
    /// The name after the change.
    pub name: String,
    /// The description after the change.
    pub description: String,
    /// The time of the decision.
    pub at: Timestamp,
}

/// The price of a product was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRepriced {
    /// The id of the product.
    pub product_id: ProductId,
    /// The price of one unit after the change.
    pub price: Money,
    /// The time of the decision.
    pub at: Timestamp,
}

/// A product was withdrawn for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductWithdrawn {
    /// The id of the product.
    pub product_id: ProductId,
    /// The time of the decision.
    pub at: Timestamp,
}
