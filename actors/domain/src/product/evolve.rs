//! What a product becomes by an event.

use super::{Product, ProductEvent};

pub(super) fn evolve(state: Option<Product>, event: &ProductEvent) -> Option<Product> {
    match (state, event) {
        (None, ProductEvent::Created(created)) => Some(Product {
            id: created.product_id,
            created_at: created.at,
            name: created.name.clone(),
            description: created.description.clone(),
            price: created.price,
        }),
        (state @ Some(_), ProductEvent::Created(_)) => state,
    }
}
