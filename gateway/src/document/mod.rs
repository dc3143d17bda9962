//! GraphQL documents: limits, parsing and validation to the letter of the specification, and the
//! merging of selections. Only what is valid and merged reaches the executor.

mod argument_message;
mod convert;
mod custom_scalars;
mod document_error;
mod documents;
mod expansion;
mod introspection;
mod lexer;
mod lexical_limits;
mod line_index;
mod listed_documents;
mod located_message;
mod manifest;
mod merge;
#[cfg(test)]
mod merged_documents;
mod message;
mod null_variables;
mod output_types;
mod parse;
mod persisted_texts;
mod schema;
mod shortened;
#[cfg(test)]
mod slow_documents;
mod spaced_variables;
mod suggestion;
mod type_ref;
mod valid_document;
mod value_message;
mod value_places;
mod variables;

pub(crate) use document_error::{DocumentError, MergeError};
pub use documents::Documents;
pub(crate) use lexical_limits::NAME_BYTES_MAX;
pub use listed_documents::ListedDocuments;
pub use manifest::{DocumentManifest, ManifestError};
pub(crate) use null_variables::{REFUSED_FIELD, REFUSED_MESSAGE, REFUSED_NULLABLE};
pub(crate) use persisted_texts::{PersistedTexts, TextHash};
pub(crate) use shortened::shortened;
pub(crate) use suggestion::remove_suggestion;
pub(crate) use valid_document::Document;
