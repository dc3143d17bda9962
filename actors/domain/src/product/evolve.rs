//! How an event changes a product.

use super::{Product, ProductEvent};
use crate::Annotations;

pub(super) fn evolve(state: Option<Product>, event: &ProductEvent) -> Option<Product> {
    match (state, event) {
        (None, ProductEvent::Created(created)) => Some(Product {
            id: created.product_id,
            created_at: created.at,
            name: created.name.clone(),
            description: created.description.clone(),
            price: created.price,
            withdrawn: false,
            annotations: Annotations {
                external_reference: created.external_reference.clone(),
                metadata: created.metadata.clone(),
            },
        }),
        (Some(product), ProductEvent::Updated(updated)) => Some(Product {
            name: updated.name.clone(),
            description: updated.description.clone(),
            ..product
        }),
        (Some(product), ProductEvent::Repriced(repriced)) => Some(Product {
            price: repriced.price,
            ..product
        }),
        (Some(product), ProductEvent::Withdrawn(_)) => Some(Product {
            withdrawn: true,
            ..product
        }),
        (Some(product), ProductEvent::Annotated(annotated)) => Some(Product {
            annotations: Annotations {
                external_reference: annotated.external_reference.clone(),
                metadata: annotated.metadata.clone(),
            },
            ..product
        }),
        (state, _) => state,
    }
}
