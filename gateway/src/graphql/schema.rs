//! Builds the schema.

use std::sync::Arc;

use async_graphql::{EmptySubscription, SchemaBuilder, ValidationMode};
use fritzy_actors::Shop;
use fritzy_domain::{Currency, ProductIndex, ReadReplicas};

use super::app::App;
use super::mutation::Mutation;
use super::query::Query;

/// The schema, ready to execute requests.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// Builds the schema over a running shop.
pub fn build_schema(
    shop: Arc<Shop>,
    replicas: Arc<dyn ReadReplicas>,
    index: Arc<dyn ProductIndex>,
    currency: Currency,
) -> Schema {
    builder()
        // Documents were validated to the letter before they reach it.
        .validation_mode(ValidationMode::Fast)
        // They were limited, too.
        .limit_recursive_depth(usize::MAX)
        .data(App {
            shop,
            replicas,
            index,
            currency,
        })
        .finish()
}

/// The schema in the schema definition language (SDL).
pub fn schema_text() -> String {
    builder().finish().sdl()
}

pub(super) fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    // Our `Float` keeps the text of the number; the built-in one is a double.
    Schema::build_with_ignore_name_conflicts(Query, Mutation::new(), EmptySubscription, ["Float"])
}
