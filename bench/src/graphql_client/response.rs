//! What an answer means: data, or exactly how the attempt failed.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use thiserror::Error;

/// Characters of a body that are quoted in an error.
const QUOTED_CHARS_MAX: usize = 200;

/// The `data` of an answer without errors.
#[derive(Debug)]
pub struct Answer {
    data: Box<RawValue>,
}

/// How one attempt failed.
#[derive(Debug, Error)]
pub enum CallError {
    /// No whole answer: refused, reset, closed in the middle, or the deadline passed.
    #[error("connection: {reason}")]
    Transport {
        /// True when no byte of the request can have reached the node; false when it may have been executed.
        certainly_not_sent: bool,
        /// The chain of causes, as text.
        reason: String,
    },
    /// An HTTP status other than 2xx whose body is not a GraphQL error, or any 5xx.
    #[error("HTTP status {status}: {excerpt}")]
    HttpStatus {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        excerpt: String,
    },
    /// The node answered with errors; this is the first.
    #[error(transparent)]
    Graphql(#[from] GraphqlError),
    /// The answer is not what GraphQL over HTTP allows, or not what the document asked for.
    #[error("not an answer this tool can read: {0}")]
    Protocol(String),
}

/// One entry of an answer's `errors`.
#[derive(Clone, Debug, Error)]
#[error("{} at {}: {message}", .code.as_deref().unwrap_or("(no code)"), .path.as_deref().unwrap_or("(no path)"))]
pub struct GraphqlError {
    /// `extensions.code`.
    pub code: Option<String>,
    /// The message.
    pub message: String,
    /// The response path, joined with dots: `accounts.0.orders`.
    pub path: Option<String>,
}

impl Answer {
    /// Reads the data as what the document asked for.
    ///
    /// # Errors
    /// [`CallError::Protocol`] when it is something else.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_str(self.data.get())
            .map_err(|error| CallError::Protocol(format!("data: {error}")))
    }
}

impl CallError {
    /// True when the node cannot have executed the request.
    #[must_use]
    pub fn certainly_not_sent(&self) -> bool {
        matches!(
            self,
            Self::Transport {
                certainly_not_sent: true,
                ..
            }
        )
    }

    /// The code of the GraphQL error, when it is one and has one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Graphql(error) => error.code.as_deref(),
            _ => None,
        }
    }

    /// True when the same request may succeed later: no connection, a 5xx, or a code by which the node asks for it.
    /// It says nothing about whether repeating is safe; an idempotency key makes it so.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::HttpStatus { status, .. } => status.is_server_error(),
            Self::Graphql(_) => matches!(
                self.code(),
                Some("UNAVAILABLE" | "OVERLOADED" | "DEADLINE_EXCEEDED")
            ),
            Self::Protocol(_) => false,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Option<Vec<WireError>>,
}

#[derive(Deserialize)]
struct WireError {
    message: String,
    #[serde(default)]
    path: Option<Vec<PathStep>>,
    #[serde(default)]
    extensions: Option<WireExtensions>,
}

#[derive(Deserialize)]
struct WireExtensions {
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PathStep {
    Field(String),
    Index(u64),
    Other(IgnoredAny),
}

/// What a status and a whole body mean. A 4xx may carry GraphQL errors, which say more than the status; a 5xx is
/// taken by its status alone, for it may come from anything between here and the node.
pub(super) fn interpret(status: StatusCode, body: &[u8]) -> Result<Answer, CallError> {
    let envelope = serde_json::from_slice::<Envelope>(body);
    let first_error = envelope
        .as_ref()
        .ok()
        .and_then(|envelope| envelope.errors.as_ref()?.first())
        .map(GraphqlError::from);
    match (status, first_error, envelope) {
        (status, Some(error), _) if !status.is_server_error() => Err(error.into()),
        (status, _, _) if !status.is_success() => Err(CallError::HttpStatus {
            status,
            excerpt: excerpt(body),
        }),
        (_, _, Ok(Envelope { data, .. })) => data
            .map(|data| Answer { data })
            .ok_or_else(|| CallError::Protocol(format!("no data: {}", excerpt(body)))),
        (_, _, Err(error)) => Err(CallError::Protocol(format!("{error}: {}", excerpt(body)))),
    }
}

/// The first error of an answer, if it is one that has errors; the rest of it is skipped.
pub(crate) fn first_error(body: &[u8]) -> Option<GraphqlError> {
    let envelope = serde_json::from_slice::<Envelope>(body).ok()?;
    envelope.errors?.first().map(GraphqlError::from)
}

impl From<&WireError> for GraphqlError {
    fn from(wire: &WireError) -> Self {
        let step_text = |step: &PathStep| match step {
            PathStep::Field(field) => field.clone(),
            PathStep::Index(index) => index.to_string(),
            PathStep::Other(_) => "?".to_owned(),
        };
        let path = wire.path.as_ref();
        Self {
            code: wire.extensions.as_ref().and_then(|ext| ext.code.clone()),
            message: wire.message.clone(),
            path: path.map(|steps| steps.iter().map(step_text).collect::<Vec<_>>().join(".")),
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(QUOTED_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<Answer, CallError> {
        interpret(
            StatusCode::from_u16(status).expect("a status"),
            body.as_bytes(),
        )
    }

    #[test]
    fn the_text_of_a_number_survives() {
        #[derive(Deserialize)]
        struct Data {
            price: Box<RawValue>,
        }
        let answer = answered(200, r#"{"data":{"price":20.00}}"#).expect("an answer");
        assert_eq!(answer.decode::<Data>().expect("data").price.get(), "20.00");
        let wrong = answer.decode::<Vec<u8>>().expect_err("not a list");
        assert!(matches!(wrong, CallError::Protocol(_)), "{wrong}");
    }

    #[test]
    fn a_graphql_error_keeps_its_code_message_and_path() {
        let body = r#"{"data":null,"errors":[{"message":"no such product","path":["createOrder","products",0],
            "extensions":{"code":"PRODUCT_NOT_FOUND","field":"productId"}}]}"#;
        let error = answered(200, body).expect_err("an error");
        assert_eq!(error.code(), Some("PRODUCT_NOT_FOUND"));
        assert!(!error.is_transient());
        assert_eq!(
            error.to_string(),
            "PRODUCT_NOT_FOUND at createOrder.products.0: no such product"
        );
        let bare = answered(200, r#"{"errors":[{"message":"oh"}]}"#).expect_err("an error");
        assert_eq!(bare.to_string(), "(no code) at (no path): oh");
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let coded = |code: &str| {
            format!(r#"{{"errors":[{{"message":"m","extensions":{{"code":"{code}"}}}}]}}"#)
        };
        for (status, body, transient) in [
            (200, coded("UNAVAILABLE"), true),
            (200, coded("OVERLOADED"), true),
            (429, coded("OVERLOADED"), true),
            (200, coded("DEADLINE_EXCEEDED"), true),
            (200, coded("INTERNAL"), false),
            (400, coded("BAD_USER_INPUT"), false),
            (500, coded("INTERNAL"), true),
            (503, String::new(), true),
            (404, "not here".to_owned(), false),
            (200, "<html>".to_owned(), false),
            (200, "{}".to_owned(), false),
        ] {
            let error = answered(status, &body).expect_err("an error");
            assert_eq!(error.is_transient(), transient, "{status} {body}: {error}");
        }
    }
}
