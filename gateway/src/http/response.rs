//! What goes back over HTTP: an answer of the specification's form, with the status its media type wants,
//! or a refusal of a request that never became a GraphQL request.

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use fritzy_cluster::Failure;
use fritzy_domain::Code;
use serde::Serialize;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::accept::MediaType;
use crate::graphql::protocol_error;

/// Errors of a document that was not executed: more than this nobody reads, and each is longer than the
/// mistake it is about. Those of an answer are as many as it has fields that failed.
const ERRORS_MAX: usize = 100;

/// An answer of the specification's form: `data` is left out when nothing was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// A request that never became a GraphQL request.
pub(super) struct Refused {
    status: StatusCode,
    pub(super) code: &'static str,
    message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn timed_out() -> Self {
        let status = StatusCode::GATEWAY_TIMEOUT;
        Self::new(
            status,
            Code::DeadlineExceeded.as_str(),
            Failure::DeadlineExceeded.to_string(),
        )
    }

    pub(super) fn too_complex(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DOCUMENT_TOO_COMPLEX", message)
    }

    pub(super) fn overloaded() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(
            status,
            Code::Overloaded.as_str(),
            Failure::Overloaded.to_string(),
        )
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

pub(super) fn respond(response: &GraphqlResponse, media_type: MediaType) -> Response {
    // An error without a path came before any field ran: nothing was executed, so there is no data.
    let refused = response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    let status = match media_type {
        MediaType::GraphqlResponse if refused => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let data = (!refused).then_some(&response.data);
    let shown = if refused {
        response.errors.len().min(ERRORS_MAX)
    } else {
        response.errors.len()
    };
    let errors = &response.errors[..shown];
    write(status, media_type, &Body { errors, data })
}

pub(super) fn refuse(refused: Refused, media_type: MediaType) -> Response {
    let errors = protocol_error(refused.code, refused.message).errors;
    let mut response = write(
        refused.status,
        media_type,
        &Body {
            errors: &errors,
            data: None,
        },
    );
    if refused.status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if refused.status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

fn write(status: StatusCode, media_type: MediaType, body: &Body<'_>) -> Response {
    let bytes = serde_json::to_vec(body).expect("GraphQL values are JSON");
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(media_type.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
