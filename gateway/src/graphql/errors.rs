//! The one place where errors become GraphQL: each gets a code and machine-readable extensions.

use std::fmt;

use async_graphql::{Context, ErrorExtensionValues, PathSegment, Response, ServerError};
use fritzy_actors::ShopError;
use fritzy_domain::{Code, Rejection, SearchError};

/// An error of a resolver. `with_codes` recovers it from the GraphQL error that the library
/// creates.
#[derive(Clone, Debug)]
pub enum ApiError {
    /// The shop rejected the request, or failed.
    Shop(ShopError),
    /// The search engine failed.
    Search(SearchError),
    /// A variable is null where an argument of the field must not be; the message names both.
    NullVariable(String),
    /// An error with the path of its field. Inside lists, the library records only the path of the
    /// element.
    At(Vec<PathSegment>, Box<ApiError>),
}

/// The result of a field. Not named `Result`, because async-graphql's macros unwrap a `Result` and
/// lose the field in the path of its error. Inside an `Option`, an error nulls only this field; a
/// `Result` around an `Option` nulls its siblings as well.
pub type FieldResult<T> = std::result::Result<T, ApiError>;

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shop(error) => error.fmt(f),
            Self::Search(error) => error.fmt(f),
            Self::NullVariable(message) => message.fmt(f),
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
    /// The same error, with `argument.` prefixed to the name of its input field.
    pub(crate) fn inside(self, argument: &str) -> Self {
        match self {
            Self::Shop(error) => Self::Shop(error.inside(argument)),
            other => other,
        }
    }

    /// The same error with the path of the current field. For fields inside lists.
    pub(crate) fn at(self, context: &Context<'_>) -> Self {
        let path = context.set_error_path(ServerError::new("", None)).path;
        Self::At(path, Box::new(self))
    }

    fn extensions(&self) -> ErrorExtensionValues {
        let mut extensions = match self {
            Self::At(_, error) => return error.extensions(),
            Self::NullVariable(_) => return code_only(BAD_USER_INPUT),
            Self::Search(SearchError::Unavailable(_)) => with_retry_hint(Code::SearchUnavailable),
            Self::Shop(error) => with_retry_hint(error.code()),
        };
        if let Self::Shop(ShopError::Rejected(rejection)) = self {
            if let Some(field) = rejection.field() {
                extensions.set("field", field);
            }
            match rejection {
                Rejection::Invalid { flaw, .. } => extensions.set("reason", flaw.reason()),
                Rejection::AlreadyTaken { holder, .. } => {
                    extensions.set("holder", holder.as_uuid().to_string());
                }
                _ => {}
            }
        }
        extensions
    }
}

/// The code of a variable with a value that its use does not allow.
const BAD_USER_INPUT: &str = "BAD_USER_INPUT";

/// How far a request got before GraphQL rejected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The document is not valid GraphQL syntax.
    Parsing,
    /// The document breaks a rule of validation, or has no such operation.
    Validating,
    /// The operation reads the schema, which is not served.
    Introspecting,
    /// A variable has the wrong type.
    Coercing,
    /// The operation was given to the schema.
    Executing,
}

/// Adds code and extensions to every error.
pub(crate) fn with_codes(mut response: Response, stage: Stage) -> Response {
    for error in &mut response.errors {
        if let Some(ApiError::At(path, _)) = error.source::<ApiError>() {
            error.path = path.clone();
        }
        let extensions = match error.source::<ApiError>() {
            Some(ours) => ours.extensions(),
            None => code_only(match stage {
                Stage::Parsing => "GRAPHQL_PARSE_FAILED",
                Stage::Validating => "GRAPHQL_VALIDATION_FAILED",
                Stage::Introspecting => "INTROSPECTION_DISABLED",
                // While executing, the library would only find values that a scalar refuses. All of
                // them are found before.
                Stage::Coercing | Stage::Executing => BAD_USER_INPUT,
            }),
        };
        error.extensions = Some(extensions);
    }
    response
}

/// A response with one error of the HTTP request.
pub(crate) fn protocol_error(code: &str, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    let shared = Code::ALL.into_iter().find(|known| known.as_str() == code);
    error.extensions = Some(shared.map_or_else(|| code_only(code), with_retry_hint));
    Response::from_errors(vec![error])
}

/// Milliseconds to wait before a retry: a few commits, or a full queue of requests.
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
