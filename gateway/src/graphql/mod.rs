//! The GraphQL schema: the seed's names, types and nullabilities, and what was added beside them.

mod account;
mod budgeted;
mod errors;
mod history;
mod idempotency;
mod inputs;
mod mutation;
mod order;
mod pagination;
mod prefetch;
mod product;
mod query;
mod relay;
mod request;
mod response_budget;
mod response_cost;
mod scalars;

use std::sync::Arc;

use async_graphql::{EmptySubscription, SchemaBuilder};
use fritzy_actors::Shop;
use fritzy_domain::{Currency, ProductIndex, ReadReplicas};

use mutation::Mutation;
use query::Query;

pub use account::AccountObject;
pub use budgeted::Row;
pub use errors::{ApiError, FieldResult, rejected};
pub(crate) use errors::{Stage, protocol_error, with_codes};
pub use pagination::PaginationInput;
pub(crate) use request::RequestContext;
pub(crate) use response_budget::{AnswerRoom, Answers};
pub(crate) use response_cost::answer_excess;

/// The schema, ready to execute requests.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// What resolvers work with.
pub(crate) struct App {
    pub(crate) shop: Arc<Shop>,
    pub(crate) copies: Arc<dyn ReadReplicas>,
    pub(crate) index: Arc<dyn ProductIndex>,
    /// The currency of prices given as plain numbers.
    pub(crate) currency: Currency,
}

/// Builds the schema over a running shop.
pub fn build_schema(
    shop: Arc<Shop>,
    copies: Arc<dyn ReadReplicas>,
    index: Arc<dyn ProductIndex>,
    currency: Currency,
) -> Schema {
    bare()
        .data(App {
            shop,
            copies,
            index,
            currency,
        })
        .finish()
}

/// The schema in the language of schemas.
pub fn schema_text() -> String {
    bare().finish().sdl()
}

/// The names of all queries and mutations.
pub async fn fields(schema: &Schema) -> Vec<String> {
    let document =
        "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let answer = schema
        .execute(document)
        .await
        .data
        .into_json()
        .unwrap_or_default();
    let names = |kind: &str| {
        let fields = answer["__schema"][kind]["fields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        fields
            .into_iter()
            .filter_map(|field| field["name"].as_str().map(String::from))
    };
    names("queryType").chain(names("mutationType")).collect()
}

fn bare() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    // Our `Float` keeps the text of the number; the built-in one computes with doubles.
    Schema::build_with_ignore_name_conflicts(Query, Mutation::new(), EmptySubscription, ["Float"])
}
