//! Documents: limits, the cache of parsed ones, and the rules that the GraphQL library does not check.

mod coerce_variable_values;
mod document_cache;
mod document_limits;
mod lexical_limits;
mod overlapping_fields_can_be_merged;
mod unique_input_field_names;

pub use coerce_variable_values::{INTROSPECTION, InputTypes};
pub(super) use document_cache::{Unread, read};
pub(super) use lexical_limits::NAME_BYTES_MAX;
