//! Writes responses in the form of the specification, with the status that the media type requires.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::task::spawn_blocking;
use warp::Reply;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::accept::MediaType;
use super::encoding::Accepted;
use super::rejection::HttpRejection;
use crate::graphql::{ResponseBudget, protocol_error};

/// Errors shown of a document that was not executed: nobody reads more, and each is longer than the
/// mistake that it reports. A response of an executed document shows all, one for each failed
/// field.
const ERRORS_MAX: usize = 100;

/// Bytes of a large response passed on at once. The budget is held until the last part is passed
/// on.
const CHUNK_BYTES: usize = 64 * 1_024;
const IS_JSON: &str = "GraphQL values are JSON";

/// The form of a response that a client accepts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) media_type: MediaType,
    pub(super) accepted: Accepted,
}

/// A response of the specification's form: without `data` when nothing was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
}

/// Writes the response to a GraphQL request. A large one is serialised on a blocking thread, into
/// exactly the memory that its text needs, and holds the budget of that text until it is sent.
pub(super) async fn respond(
    response: GraphqlResponse,
    budget: Arc<ResponseBudget>,
    format: Format,
) -> Response {
    let Format {
        media_type,
        accepted,
    } = format;
    let status = status_of(&response, media_type);
    if budget.is_small() {
        let bytes = serde_json::to_vec(&body_of(&response)).expect(IS_JSON);
        return typed(accepted.respond(bytes), status, media_type);
    }
    let writing = spawn_blocking(move || {
        let mut len = Len(0);
        serde_json::to_writer(&mut len, &body_of(&response)).expect(IS_JSON);
        let mut bytes = Vec::with_capacity(len.0);
        serde_json::to_writer(&mut bytes, &body_of(&response)).expect(IS_JSON);
        drop(response);
        budget.shrink_to(bytes.len());
        if let Some(encoding) = accepted.encoding(bytes.len()) {
            return typed(encoding.respond(bytes.into(), budget), status, media_type);
        }
        let len = HeaderValue::from(bytes.len());
        let stream = warp::reply::stream(chunks(bytes.into(), budget));
        let mut streamed = typed(stream.into_response(), status, media_type);
        streamed.headers_mut().insert(header::CONTENT_LENGTH, len);
        streamed
    });
    writing.await.expect("writing a response does not panic")
}

/// The chunks of a text. Its budget is released after the last of them.
fn chunks(
    text: Bytes,
    budget: Arc<ResponseBudget>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync + 'static {
    unfold((text, budget), async |(mut rest, budget)| {
        let chunk = rest.split_to(rest.len().min(CHUNK_BYTES));
        (!chunk.is_empty()).then_some((Ok(chunk), (rest, budget)))
    })
}

/// Counts the bytes written.
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

/// Whether nothing was executed: errors without a path precede all fields, so there is no data.
fn is_unexecuted(response: &GraphqlResponse) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

fn status_of(response: &GraphqlResponse, media_type: MediaType) -> StatusCode {
    match media_type {
        MediaType::GraphqlResponse if is_unexecuted(response) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn body_of(response: &GraphqlResponse) -> Body<'_> {
    let unexecuted = is_unexecuted(response);
    let shown = if unexecuted {
        response.errors.len().min(ERRORS_MAX)
    } else {
        response.errors.len()
    };
    Body {
        errors: &response.errors[..shown],
        data: (!unexecuted).then_some(&response.data),
        extensions: &response.extensions,
    }
}

/// Writes the response to a request that was rejected before GraphQL.
pub(super) fn reject(rejection: HttpRejection, format: Format) -> Response {
    let errors = protocol_error(rejection.code, rejection.message).errors;
    let body = Body {
        errors: &errors,
        data: None,
        extensions: &BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&body).expect(IS_JSON);
    let response = format.accepted.respond(bytes);
    let mut response = typed(response, rejection.status, format.media_type);
    if let Some((name, value)) = rejection.header {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Sets status and content type.
fn typed(mut response: Response, status: StatusCode, media_type: MediaType) -> Response {
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(media_type.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
