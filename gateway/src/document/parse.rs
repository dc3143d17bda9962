//! Parses and validates a document: our limits, the parser, the rules of the specification.

use async_graphql::{Pos, ServerError};
use bluejay_parser::Error;
use bluejay_parser::ast::executable::ExecutableDocument;
use bluejay_parser::ast::{Parse as _, ParseOptions};
use bluejay_validator::executable::Cache;
use bluejay_validator::executable::document::BuiltinRulesValidator;

// For its feature only: without it, the parser's lexer calls itself for each character of a
// comment, and relies on the optimizer to use no stack for it.
use logos as _;

use super::convert::convert;
use super::document_error::DocumentError;
use super::expansion::check_expansion;
use super::introspection::is_of_introspection;
use super::lexical_limits::{NESTING_MAX, count_tokens, is_shallow};
use super::line_index::LineIndex;
use super::message::message;
use super::schema::ValidationSchema;
use super::spaced_variables::join_spaced_variables;
use super::valid_document::Document;
use super::value_places::ValuePlaces;

/// Errors of one document that a client is told.
const ERRORS_MAX: usize = 100;

/// Parses and validates a document.
///
/// # Errors
/// [`DocumentError`]: limits on the text are checked before it is parsed, those on its expansion
/// before it is validated.
pub(super) fn parse(schema: ValidationSchema, text: &str) -> Result<Document, DocumentError> {
    if !is_shallow(text) {
        let message = "the document is nested too deeply";
        return Err(DocumentError::TooComplex(message.to_owned()));
    }
    let tokens = count_tokens(text).map_err(DocumentError::TooComplex)?;
    let text = &*join_spaced_variables(text);
    let options = ParseOptions {
        graphql_ruby_compatibility: false,
        // Brackets were counted, of which each costs the parser up to three levels.
        max_depth: 8 * NESTING_MAX,
        max_tokens: None,
    };
    let parsed = ExecutableDocument::parse_with_options(text, options).result;
    let document = parsed.map_err(|errors| DocumentError::Syntax(syntax_error(text, errors)))?;
    let fields = check_expansion(text, &document)?;
    validate(schema, text, &document)?;
    let (operations, fragments) = convert(schema, text, &document);
    Ok(Document::new(operations, fragments, tokens, fields))
}

fn validate(
    schema: ValidationSchema,
    text: &str,
    document: &ExecutableDocument<'_>,
) -> Result<(), DocumentError> {
    let definition = schema.definition;
    let cache = Cache::new(document, definition);
    let errors = BuiltinRulesValidator::validate(document, definition, &cache);
    let errors: Vec<_> = errors
        .filter(|error| !is_of_introspection(error))
        .take(ERRORS_MAX)
        .collect();
    if errors.is_empty() {
        return Ok(());
    }
    let places = ValuePlaces::of(document);
    let messages = errors.into_iter();
    let messages = messages.map(|error| message(definition, &places, error));
    let mut messages: Vec<_> = messages.collect();
    messages.sort_by_key(|message| message.at.first().map(|at| at.byte_range().start));
    let lines = LineIndex::new(text);
    let errors = messages.into_iter().map(|message| {
        let mut error = ServerError::new(message.text, None);
        let positions = message.at.iter().take(2);
        error.locations = positions
            .map(|at| lines.position(at.byte_range().start))
            .collect();
        error
    });
    Err(DocumentError::Invalid(errors.collect()))
}

/// The first error of the parser, with the text that it stumbled over.
fn syntax_error(text: &str, errors: Vec<Error>) -> ServerError {
    let first = Error::into_graphql_errors(text, errors.into_iter().take(1));
    let Some(first) = first.into_iter().next() else {
        return ServerError::new("The document is not GraphQL.", None);
    };
    let at = first.locations.first().map(|location| Pos {
        line: location.line,
        column: location.col,
    });
    let found = at.map_or_else(String::new, |at| found_at(text, at));
    let message = first.message.trim_end_matches('.');
    ServerError::new(format!("Syntax error: {message}{found}."), at)
}

/// ` at "text"`: the token at this position; the end of the document is named, and a character that
/// cannot be seen has its code.
fn found_at(text: &str, at: Pos) -> String {
    const CHARACTERS_MAX: usize = 20;
    // What GraphQL ignores between tokens.
    const IGNORED: [char; 6] = [' ', '\t', ',', '\n', '\r', '\u{feff}'];
    let line = text
        .split(['\n', '\r'])
        .nth(at.line - 1)
        .unwrap_or_default();
    let mut rest = line.chars().skip(at.column - 1);
    let is_seen = |character: &char| !character.is_whitespace() && !character.is_control();
    let token: String = rest
        .clone()
        .take_while(is_seen)
        .take(CHARACTERS_MAX)
        .collect();
    match rest.find(|character| !IGNORED.contains(character)) {
        _ if !token.is_empty() => format!(" at \"{token}\""),
        Some(unseen) => format!(" at U+{:04X}", u32::from(unseen)),
        None => " at the end of the document".to_owned(),
    }
}
