//! The one place where errors become GraphQL: each gets a code, and what a program needs beside it.

use std::fmt;

use async_graphql::{Context, ErrorExtensionValues, PathSegment, Response, ServerError};
use fritzy_actors::ShopError;
use fritzy_domain::{Code, Rejection, SearchError};

/// An error of a resolver. `with_codes` finds it again behind the error GraphQL makes of it.
#[derive(Clone, Debug)]
pub enum ApiError {
    /// The shop refused or failed.
    Shop(ShopError),
    /// The search engine failed.
    Search(SearchError),
    /// One that knows where it happened. The library names only the element of an enclosing list.
    At(Vec<PathSegment>, Box<ApiError>),
}

/// What a field answers. Not named `Result` on purpose: GraphQL's macros take a `Result` apart and lose
/// the field's place in the path of its error; and behind an `Option` an error becomes that field's
/// null, where a `Result` around an `Option` takes its neighbours with it.
pub type FieldResult<T> = std::result::Result<T, ApiError>;

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shop(error) => error.fmt(f),
            Self::Search(error) => error.fmt(f),
            Self::At(_, error) => error.fmt(f),
        }
    }
}

pub(crate) fn shop_error(error: ShopError) -> ApiError {
    ApiError::Shop(error)
}

/// The error of a rejection.
pub fn rejected(rejection: Rejection) -> ApiError {
    ApiError::Shop(ShopError::Rejected(rejection))
}

impl ApiError {
    /// The same error with the argument's name seen from outside.
    pub(crate) fn inside(self, argument: &str) -> Self {
        match self {
            Self::Shop(error) => Self::Shop(error.inside(argument)),
            other => other,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Shop(error) => error.code(),
            Self::Search(SearchError::Unavailable(_)) => Code::SearchUnavailable,
            Self::At(_, error) => error.code(),
        }
    }

    /// The same error, knowing the field it happened at. For fields inside lists.
    pub(crate) fn at(self, context: &Context<'_>) -> Self {
        let path = context.set_error_path(ServerError::new("", None)).path;
        Self::At(path, Box::new(self))
    }

    fn extensions(&self) -> ErrorExtensionValues {
        if let Self::At(_, error) = self {
            return error.extensions();
        }
        let mut extensions = with_retry_hint(self.code());
        if let Self::Shop(ShopError::Rejected(rejection)) = self {
            if let Some(field) = rejection.field() {
                extensions.set("field", field);
            }
            if let Rejection::Invalid { flaw, .. } = rejection {
                extensions.set("reason", flaw.reason());
            }
        }
        extensions
    }
}

/// How far a request got before GraphQL itself refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The document could not be read.
    Parsing,
    /// The variables do not fit the document.
    Coercing,
    /// The document was read, and went to the schema.
    Executing,
}

/// Gives every error its code.
pub(crate) fn with_codes(mut response: Response, stage: Stage) -> Response {
    for error in &mut response.errors {
        if let Some(ApiError::At(path, _)) = error.source::<ApiError>() {
            error.path = path.clone();
        }
        let extensions = match error.source::<ApiError>() {
            Some(ours) => ours.extensions(),
            // Not ours, so GraphQL's own. Behind a field it can only be an argument that does not
            // fit; before any field, the document does not fit the schema.
            None if stage == Stage::Parsing => code_only("GRAPHQL_PARSE_FAILED"),
            None if stage == Stage::Coercing => code_only("BAD_USER_INPUT"),
            None if error.path.is_empty() => code_only("GRAPHQL_VALIDATION_FAILED"),
            None => code_only("BAD_USER_INPUT"),
        };
        error.extensions = Some(extensions);
    }
    response
}

/// An error of the HTTP request around GraphQL.
pub(crate) fn protocol_error(code: &str, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    let shared = Code::ALL.into_iter().find(|known| known.as_str() == code);
    error.extensions = Some(shared.map_or_else(|| code_only(code), with_retry_hint));
    Response::from_errors(vec![error])
}

/// Milliseconds to wait before trying again: a few commits, or a queue's length of requests.
const RETRY_AFTER_MS: u32 = 500;

fn with_retry_hint(code: Code) -> ErrorExtensionValues {
    let mut extensions = code_only(code.as_str());
    if code.is_retryable() {
        extensions.set("retryable", true);
        extensions.set("retryAfterMs", RETRY_AFTER_MS);
    }
    extensions
}

fn code_only(code: &str) -> ErrorExtensionValues {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    extensions
}
