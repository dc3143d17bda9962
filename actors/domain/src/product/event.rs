//! The events of a product.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ExternalReference, Metadata, Money, ProductId};

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
    /// Its type is `product.annotated`; the external reference, the metadata or both have changed.
    Annotated(ProductAnnotated),
}

impl ProductEvent {
    pub(crate) const CREATED: &'static str = "product.created";
    pub(crate) const UPDATED: &'static str = "product.updated";
    pub(crate) const REPRICED: &'static str = "product.repriced";
    pub(crate) const WITHDRAWN: &'static str = "product.withdrawn";
    pub(crate) const ANNOTATED: &'static str = "product.annotated";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Updated(_) => Self::UPDATED,
            Self::Repriced(_) => Self::REPRICED,
            Self::Withdrawn(_) => Self::WITHDRAWN,
            Self::Annotated(_) => Self::ANNOTATED,
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
    /// The external reference it was created with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata it was created with.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
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

/// The external reference or the metadata of a product was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductAnnotated {
    /// The id of the product.
    pub product_id: ProductId,
    /// The external reference after the change; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata after the change; absent if there is none.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The time of the decision.
    pub at: Timestamp,
}
