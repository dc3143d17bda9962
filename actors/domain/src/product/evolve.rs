//! How an event changes a product.

use super::{Product, ProductEvent};

pub(super) fn evolve(state: Option<Product>, event: &ProductEvent) -> Option<Product> {
    match (state, event) {
        (None, ProductEvent::Created(created)) => Some(Product {
            id: created.product_id,
            created_at: created.at,
            name: created.name.clone(),
            description: created.description.clone(),
            price: created.price,
            withdrawn: false,
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
        (state, _) => state,
    }
}
