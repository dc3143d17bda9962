//! What goes back over HTTP: an answer of the specification's form, with the status its media type wants,
//! or a refusal of a request that never became a GraphQL request.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use bytes::Bytes;
use fritzy_domain::Code;
use fritzy_types::Failure;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::task::spawn_blocking;
use warp::Reply;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::accept::MediaType;
use crate::graphql::{AnswerRoom, protocol_error};

/// Errors of a document that was not executed: more than this nobody reads, and each is longer than the
/// mistake it is about. Those of an answer are as many as it has fields that failed.
const ERRORS_MAX: usize = 100;

/// Bytes of a large answer handed on at once; what has not been handed on keeps its room.
const PART_BYTES: usize = 64 * 1_024;
const IS_JSON: &str = "GraphQL values are JSON";

/// An answer of the specification's form: `data` is left out when nothing was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
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

    /// What the world has done, told as anywhere else.
    fn failed(status: StatusCode, failure: &Failure) -> Self {
        Self::new(status, Code::from(failure).as_str(), failure.to_string())
    }

    pub(super) fn timed_out() -> Self {
        Self::failed(StatusCode::GATEWAY_TIMEOUT, &Failure::DeadlineExceeded)
    }

    /// A body that was not there in time: unlike with other time-outs, it is known that nothing was executed.
    pub(super) fn incomplete() -> Self {
        let message = "the body did not arrive whole in time; nothing was executed";
        let code = Code::DeadlineExceeded.as_str();
        Self::new(StatusCode::REQUEST_TIMEOUT, code, message)
    }

    pub(super) fn too_complex(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DOCUMENT_TOO_COMPLEX", message)
    }

    pub(super) fn overloaded() -> Self {
        Self::failed(StatusCode::SERVICE_UNAVAILABLE, &Failure::Overloaded)
    }

    /// A defect. Whether anything took effect is not known.
    pub(super) fn internal() -> Self {
        Self::failed(StatusCode::INTERNAL_SERVER_ERROR, &Failure::Internal)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

/// Writes an answer. A large one is written beside the requests of others, in exactly the memory its text
/// needs, and keeps room for that text until it has left.
pub(super) async fn respond(
    answer: GraphqlResponse,
    room: Arc<AnswerRoom>,
    media_type: MediaType,
) -> Response {
    let status = status_of(&answer, media_type);
    if room.is_small() {
        let bytes = serde_json::to_vec(&body_of(&answer)).expect(IS_JSON);
        return typed(bytes.into_response(), status, media_type);
    }
    let writing = spawn_blocking(move || {
        let mut len = Len(0);
        serde_json::to_writer(&mut len, &body_of(&answer)).expect(IS_JSON);
        let mut bytes = Vec::with_capacity(len.0);
        serde_json::to_writer(&mut bytes, &body_of(&answer)).expect(IS_JSON);
        drop(answer);
        room.shrink_to(bytes.len());
        let len = HeaderValue::from(bytes.len());
        let stream = warp::reply::stream(parts(bytes.into(), room));
        let mut response = typed(stream.into_response(), status, media_type);
        response.headers_mut().insert(header::CONTENT_LENGTH, len);
        response
    });
    writing.await.expect("writing an answer does not panic")
}

/// The parts of a text, with the room for it, which is given back behind the last of them.
fn parts(
    text: Bytes,
    room: Arc<AnswerRoom>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync + 'static {
    unfold((text, room), async |(mut rest, room)| {
        let part = rest.split_to(rest.len().min(PART_BYTES));
        (!part.is_empty()).then_some((Ok(part), (rest, room)))
    })
}

/// Counts what is written.
struct Len(usize);

impl io::Write for Len {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nothing was executed: an error without a path came before any field ran, so there is no data.
fn is_refused(answer: &GraphqlResponse) -> bool {
    answer.data == Value::Null
        && !answer.errors.is_empty()
        && answer.errors.iter().all(|error| error.path.is_empty())
}

fn status_of(answer: &GraphqlResponse, media_type: MediaType) -> StatusCode {
    match media_type {
        MediaType::GraphqlResponse if is_refused(answer) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn body_of(answer: &GraphqlResponse) -> Body<'_> {
    let refused = is_refused(answer);
    let shown = if refused {
        answer.errors.len().min(ERRORS_MAX)
    } else {
        answer.errors.len()
    };
    Body {
        errors: &answer.errors[..shown],
        data: (!refused).then_some(&answer.data),
        extensions: &answer.extensions,
    }
}

pub(super) fn refuse(refused: Refused, media_type: MediaType) -> Response {
    let errors = protocol_error(refused.code, refused.message).errors;
    let body = Body {
        errors: &errors,
        data: None,
        extensions: &BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&body).expect(IS_JSON);
    let mut response = typed(bytes.into_response(), refused.status, media_type);
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

fn typed(mut response: Response, status: StatusCode, media_type: MediaType) -> Response {
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(media_type.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
