//! Builds the schema.

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions, SchemaBuilder, ValidationMode};
use fritzy_actors::Shop;
use fritzy_domain::{Currency, ProductIndex, ReadReplicas};

use super::app::App;
use super::connection::ListConnection;
use super::error_code::ErrorCode;
use super::federation_keys::Keys;
use super::mutation::Mutation;
use super::objects::{AccountObject, OrderObject};
use super::product::ProductObject;
use super::query::Query;
use super::refused_field::RefusedFields;

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
        .directive(RefusedFields)
        .data(App {
            shop,
            replicas,
            index,
            federation_sdl: federation_text(),
            currency,
        })
        .finish()
}

/// The schema in the schema definition language (SDL).
pub fn schema_text() -> String {
    let options = SDLExportOptions::new().include_specified_by();
    builder().finish().sdl_with_options(options)
}

/// The schema without what a router of Apollo Federation adds, with the keys of its entities.
fn federation_text() -> String {
    let options = SDLExportOptions::new().include_specified_by().federation();
    let keyed = builder().register_output_type::<Keys>();
    keyed.finish().sdl_with_options(options)
}

pub(super) fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    // Our `Float` keeps the text of the number; the built-in one is a double.
    Schema::build_with_ignore_name_conflicts(Query, Mutation::new(), EmptySubscription, ["Float"])
        // No field returns it, so it is in the printed schema only.
        .register_output_type::<ErrorCode>()
        // The library describes their fields only.
        .override_output_type_description::<ListConnection<AccountObject>>(
            "Page of accounts, with cursors.",
        )
        .override_output_type_description::<ListConnection<ProductObject>>(
            "Page of products, with cursors.",
        )
        .override_output_type_description::<ListConnection<OrderObject>>(
            "Page of orders, with cursors.",
        )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Every element of the schema that has no description, by its path.
    fn undescribed(of: &Value, path: &str, found: &mut Vec<String>) {
        const LISTS: [&str; 4] = ["fields", "args", "inputFields", "enumValues"];
        if of["description"].as_str().is_none_or(str::is_empty) {
            found.push(path.to_owned());
        }
        for list in LISTS {
            for inner in of[list].as_array().into_iter().flatten() {
                let name = inner["name"].as_str().unwrap_or_default();
                undescribed(inner, &format!("{path}.{name}"), found);
            }
        }
    }

    #[tokio::test]
    async fn every_element_of_the_schema_is_described() {
        let schema = builder().finish();
        let response = schema
            .execute(
                "{ __schema { types { name description enumValues { name description }
                    fields { name description args { name description } }
                    inputFields { name description } } } }",
            )
            .await;
        let data = response.data.into_json().expect("JSON");
        let mut found = Vec::new();
        let types = data["__schema"]["types"].as_array().expect("types");
        for ty in types {
            let name = ty["name"].as_str().unwrap_or_default();
            // Those of the specification are described by it.
            if !name.starts_with("__") && name != "ID" {
                undescribed(ty, name, &mut found);
            }
        }
        assert!(types.len() > 30, "{} types", types.len());
        assert_eq!(found, Vec::<String>::new());
    }

    /// Only a variable with a default can then be null where null is not allowed, and only these
    /// are looked for.
    #[tokio::test]
    async fn no_argument_and_no_input_field_has_a_default() {
        let document = "{ __schema { types { name fields(includeDeprecated: true) {
                args(includeDeprecated: true) { name defaultValue } }
            inputFields(includeDeprecated: true) { name defaultValue } } } }";
        let response = builder().finish().execute(document).await;
        let data = response.data.into_json().expect("JSON");
        for ty in data["__schema"]["types"].as_array().expect("types") {
            let name = ty["name"].as_str().unwrap_or_default();
            let text = ty.to_string();
            let inputs = text.matches("\"defaultValue\":").count();
            let without = text.matches("\"defaultValue\":null").count();
            assert!(name.starts_with("__") || inputs == without, "{ty}");
        }
    }
}
