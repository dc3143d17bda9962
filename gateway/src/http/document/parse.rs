//! Parses documents: limits, the parser, and the rules that the GraphQL library does not check.

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;

use super::document_limits::exceeded_limit;
use super::lexical_limits::{count_tokens, is_shallow};
use super::overlapping_fields_can_be_merged::conflicting_fields;
use super::unique_input_field_names::repeated_field;

/// Why a document is not executed.
#[derive(Debug)]
pub(crate) enum DocumentError {
    /// It is beyond a limit.
    TooComplex(String),
    /// It is not GraphQL.
    Syntax(async_graphql::parser::Error),
    /// It breaks a validation rule.
    Invalid(ServerError),
}

/// Parses a document; also returns its number of tokens.
///
/// # Errors
/// [`DocumentError`]: limits on the text are checked before parsing, the others after it.
pub(super) fn parse(text: &str) -> Result<(ExecutableDocument, usize), DocumentError> {
    if !is_shallow(text) {
        let message = "the document is nested too deeply";
        return Err(DocumentError::TooComplex(message.to_owned()));
    }
    let tokens = count_tokens(text).map_err(DocumentError::TooComplex)?;
    let document = parse_query(text).map_err(DocumentError::Syntax)?;
    if let Some(repeated) = repeated_field(text) {
        return Err(DocumentError::Invalid(repeated));
    }
    if let Some(exceeded) = exceeded_limit(&document) {
        return Err(DocumentError::TooComplex(exceeded));
    }
    match conflicting_fields(&document) {
        Some(conflict) => Err(DocumentError::Invalid(conflict)),
        None => Ok((document, tokens)),
    }
}
