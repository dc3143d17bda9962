//! Interprets a response: data, or how the attempt failed.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use thiserror::Error;

/// Characters of a body that an error quotes.
const QUOTED_CHARS_MAX: usize = 200;

/// The `data` of a response without errors.
#[derive(Debug)]
pub struct Response {
    data: Box<RawValue>,
}

/// How one attempt failed.
#[derive(Debug, Error)]
pub enum CallError {
    /// No complete response: the connection was refused, reset or closed early, or the deadline
    /// passed.
    #[error("connection: {reason}")]
    Transport {
        /// True if no byte of the request can have reached the node; false if it may have been
        /// executed.
        certainly_not_sent: bool,
        /// The chain of causes, as text.
        reason: String,
    },
    /// An HTTP status other than 2xx whose body is not a GraphQL error, or any 5xx.
    #[error("HTTP status {status}: {excerpt}")]
    HttpStatus {
        /// The status, which is never 2xx.
        status: StatusCode,
        /// The beginning of the body.
        excerpt: String,
    },
    /// The response has errors; this is the first.
    #[error(transparent)]
    Graphql(#[from] GraphqlError),
    /// The response is invalid in GraphQL over HTTP, or does not match the document.
    #[error("unexpected response: {0}")]
    Protocol(String),
}

/// One entry of a response's `errors`.
#[derive(Clone, Debug, Error)]
#[error("{} at {}: {message}", .code.as_deref().unwrap_or("(no code)"), .path.as_deref().unwrap_or("(no path)"))]
pub struct GraphqlError {
    /// The text in `extensions.code`; `None` if the node sent none.
    pub code: Option<String>,
    /// The `message` of the entry, meant for people.
    pub message: String,
    /// The response path, joined with dots: `accounts.0.orders`.
    pub path: Option<String>,
}

impl Response {
    /// Decodes the data into the type that the document selects.
    ///
    /// # Errors
    /// [`CallError::Protocol`] when the data has another shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_str(self.data.get())
            .map_err(|error| CallError::Protocol(format!("data: {error}")))
    }
}

impl CallError {
    /// True if the node cannot have executed the request.
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

    /// The code of the GraphQL error, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Graphql(error) => error.code.as_deref(),
            _ => None,
        }
    }

    /// True if the same request may succeed later: after a transport error, a 5xx, or an error code
    /// of a temporary failure. It does not say whether a retry is safe; an idempotency key makes it
    /// safe.
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

/// Interprets a status and a complete body. A 4xx may carry GraphQL errors, which say more than the
/// status. A 5xx is judged by its status alone, because it may come from anything between this
/// client and the node.
pub(super) fn interpret(status: StatusCode, body: &[u8]) -> Result<Response, CallError> {
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
            .map(|data| Response { data })
            .ok_or_else(|| CallError::Protocol(format!("no data: {}", excerpt(body)))),
        (_, _, Err(error)) => Err(CallError::Protocol(format!("{error}: {}", excerpt(body)))),
    }
}

/// The first error of a response, if it has errors; the rest is skipped.
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

    fn interpreted(status: u16, body: &str) -> Result<Response, CallError> {
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
        let response = interpreted(200, r#"{"data":{"price":20.00}}"#).expect("a response");
        assert_eq!(
            response.decode::<Data>().expect("data").price.get(),
            "20.00"
        );
        let wrong = response.decode::<Vec<u8>>().expect_err("not a list");
        assert!(matches!(wrong, CallError::Protocol(_)), "{wrong}");
    }

    #[test]
    fn a_graphql_error_keeps_its_code_message_and_path() {
        let body = r#"{"data":null,"errors":[{"message":"no such product","path":["createOrder","products",0],
            "extensions":{"code":"PRODUCT_NOT_FOUND","field":"productId"}}]}"#;
        let error = interpreted(200, body).expect_err("an error");
        assert_eq!(error.code(), Some("PRODUCT_NOT_FOUND"));
        assert!(!error.is_transient());
        assert_eq!(
            error.to_string(),
            "PRODUCT_NOT_FOUND at createOrder.products.0: no such product"
        );
        let bare = interpreted(200, r#"{"errors":[{"message":"oh"}]}"#).expect_err("an error");
        assert_eq!(bare.to_string(), "(no code) at (no path): oh");
    }

    #[test]
    fn transient_and_lasting_errors_are_distinguished() {
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
            let error = interpreted(status, &body).expect_err("an error");
            assert_eq!(error.is_transient(), transient, "{status} {body}: {error}");
        }
    }
}
