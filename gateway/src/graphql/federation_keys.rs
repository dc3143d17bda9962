//! The keys of entities in the schema that a router of Apollo Federation composes.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use super::federation::ENTITIES;

/// Adds the keys when it is registered; no field has this type. Only the exported schema has keys:
/// with them, the library would resolve `_entities` itself, one by one, and fail as a whole where
/// one is missing.
pub(super) struct Keys;

impl OutputType for Keys {
    fn type_name() -> Cow<'static, str> {
        "_Keys".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        for (name, _) in ENTITIES {
            registry.add_keys(name, "id");
        }
        Self::qualified_type_name()
    }

    async fn resolve(
        &self,
        _context: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}
