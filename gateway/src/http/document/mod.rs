//! Documents: limits, the cache of parsed ones, and the validation rules that the GraphQL library
//! lacks.

mod coerce_variable_values;
mod document_cache;
mod document_limits;
mod lexer;
mod lexical_limits;
mod overlapping_fields_can_be_merged;
mod parse;
mod unique_input_field_names;

pub use coerce_variable_values::{INTROSPECTION, InputTypes};
pub(crate) use document_cache::cached_document;
pub(crate) use lexical_limits::NAME_BYTES_MAX;
pub(crate) use parse::DocumentError;
