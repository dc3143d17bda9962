//! What can have happened to a product.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, ProductId};

/// An event of a product. It serializes as its content; the type is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProductEvent {
    /// `product.created`
    Created(ProductCreated),
    /// `product.updated`
    Updated(ProductUpdated),
    /// `product.repriced`
    Repriced(ProductRepriced),
    /// `product.withdrawn`
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

/// A product got another name or description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUpdated {
    /// Which.
    pub product_id: ProductId,
    /// Its name from now on.
    pub name: String,
    /// Its description from now on.
    pub description: String,
    /// When.
    pub at: Timestamp,
}

/// A product got another price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRepriced {
    /// Which.
    pub product_id: ProductId,
    /// The price of one unit from now on.
    pub price: Money,
    /// When.
    pub at: Timestamp,
}

/// A product is no longer to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductWithdrawn {
    /// Which.
    pub product_id: ProductId,
    /// When.
    pub at: Timestamp,
}
