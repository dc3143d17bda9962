//! A message about a document, with its places.

use bluejay_parser::Span;
use bluejay_parser::ast::definition::SchemaDefinition;

use super::custom_scalars::CustomScalars;

/// A schema as the validator reads it.
pub(super) type Schema = SchemaDefinition<'static, CustomScalars>;

/// A message, and the places in the document that it is about.
pub(super) struct Message {
    pub(super) text: String,
    pub(super) at: Vec<Span>,
}

impl Message {
    pub(super) fn new(text: String, at: impl IntoIterator<Item = Span>) -> Self {
        let mut at: Vec<Span> = at.into_iter().collect();
        at.sort();
        Self { text, at }
    }
}
