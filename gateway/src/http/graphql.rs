//! GraphQL over HTTP, by its specification: POST with JSON, GET for queries, the status by media type.

use std::collections::BTreeMap;
use std::time::Instant;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType};
use async_graphql::{
    Executor, Request, Response as GraphqlResponse, ServerError, Value, Variables,
};
use bytes::Buf;
use fritzy_cluster::Failure;
use fritzy_domain::Code;
use futures_util::{Stream, StreamExt, pin_mut};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tracing::{Instrument, debug, info_span};
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use super::accept::MediaType;
use super::{HttpConfig, request_id};
use crate::graphql::{RequestContext, Stage, protocol_error, with_codes};

/// The endpoint `/graphql`.
pub(super) struct Endpoint<E> {
    schema: E,
    config: HttpConfig,
    /// Places for requests being worked on. Taken before a document is parsed: refusing must cost
    /// next to nothing, or it would be an overload of its own.
    places: Semaphore,
}

/// What a GraphQL request consists of, in a body or a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Option<Variables>,
    #[serde(default)]
    extensions: Option<BTreeMap<String, serde_json::Value>>,
}

/// The same in a query string, where what is not a string is JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryParameters {
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// An answer of the specification's form: `data` is left out when nothing was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// A request that never became a GraphQL request.
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn overloaded() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(
            status,
            Code::Overloaded.as_str(),
            Failure::Overloaded.to_string(),
        )
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

impl<E: Executor> Endpoint<E> {
    pub(super) fn new(schema: E, config: HttpConfig) -> Self {
        let places = Semaphore::new(config.requests_max);
        Self {
            schema,
            config,
            places,
        }
    }

    pub(super) async fn answer<B: Buf>(
        &self,
        method: Method,
        headers: HeaderMap,
        query: String,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Response {
        let began = Instant::now();
        let id = request_id::of(&headers);
        let span = info_span!("request", id = id.to_str().unwrap_or_default());
        let mut response = async {
            let response = self.negotiate(began, &method, &headers, &query, body).await;
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            debug!(%method, status = response.status().as_u16(), micros, "answered");
            response
        }
        .instrument(span)
        .await;
        response.headers_mut().insert(request_id::HEADER, id);
        response
    }

    async fn negotiate<B: Buf>(
        &self,
        began: Instant,
        method: &Method,
        headers: &HeaderMap,
        query: &str,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Response {
        let Some(media_type) = MediaType::negotiate(headers) else {
            let message = "the answer is application/graphql-response+json or application/json";
            let refused = Refused::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message);
            return refuse(refused, MediaType::Json);
        };
        let parameters = match *method {
            Method::POST => self.read_body(headers, body).await,
            Method::GET => read_query(query),
            _ => Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "GraphQL is served by POST, and queries by GET",
            )),
        };
        let executed = match (parameters, self.places.try_acquire()) {
            (Ok(parameters), Ok(_place)) => self.execute(began, method, headers, parameters).await,
            (Ok(_), Err(_)) => Err(Refused::overloaded()),
            (Err(refused), _) => Err(refused),
        };
        match executed {
            Ok(response) => respond(&response, media_type),
            Err(refused) => refuse(refused, media_type),
        }
    }

    async fn read_body<B: Buf>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<Parameters, Refused> {
        if !is_json(headers) {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "send the request as content-type: application/json, in UTF-8",
            ));
        }
        let mut bytes = Vec::new();
        pin_mut!(body);
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|_| Refused::bad_request("the body broke off"))?;
            // Counted as it comes, for a chunked body has no length to refuse.
            if bytes.len() + chunk.remaining() > self.config.body_bytes_max {
                return Err(Refused::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "PAYLOAD_TOO_LARGE",
                    format!("a body has at most {} bytes", self.config.body_bytes_max),
                ));
            }
            while chunk.has_remaining() {
                let part = chunk.chunk();
                bytes.extend_from_slice(part);
                let len = part.len();
                chunk.advance(len);
            }
        }
        serde_json::from_slice(&bytes).map_err(|failure| {
            Refused::bad_request(format!(
                "the body is not a GraphQL request ({{\"query\": \"…\"}}, with variables, operationName \
                 and extensions where needed): {failure}"
            ))
        })
    }

    async fn execute(
        &self,
        began: Instant,
        method: &Method,
        headers: &HeaderMap,
        parameters: Parameters,
    ) -> Result<GraphqlResponse, Refused> {
        let _ = &parameters.extensions;
        let document = match parse_query(&parameters.query) {
            Ok(document) => document,
            Err(failure) => {
                let unread = GraphqlResponse::from_errors(vec![failure.into()]);
                return Ok(with_codes(unread, Stage::Parsing));
            }
        };
        let operation_name = parameters.operation_name.filter(|name| !name.is_empty());
        if *method == Method::GET && changes(&document, operation_name.as_deref()) {
            return Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "mutations are sent by POST",
            ));
        }
        let deadline = began + self.config.request_timeout;
        let context = RequestContext::until(deadline, idempotency_key(headers)?);
        let mut request = Request::new(parameters.query)
            .variables(parameters.variables.unwrap_or_default())
            .data(context);
        request.operation_name = operation_name;
        request.set_parsed_query(document);
        let executing = self.schema.execute(request);
        match tokio::time::timeout_at(deadline.into(), executing).await {
            Ok(response) => Ok(with_codes(response, Stage::Executing)),
            Err(_) => Err(Refused::new(
                StatusCode::GATEWAY_TIMEOUT,
                Code::DeadlineExceeded.as_str(),
                Failure::DeadlineExceeded.to_string(),
            )),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => charset
            .trim()
            .trim_matches('"')
            .eq_ignore_ascii_case("utf-8"),
        _ => true,
    })
}

fn read_query(query: &str) -> Result<Parameters, Refused> {
    let parameters: QueryParameters = serde_urlencoded::from_str(query).map_err(|failure| {
        Refused::bad_request(format!(
            "the query string is not a GraphQL request: {failure}"
        ))
    })?;
    Ok(Parameters {
        query: parameters.query,
        operation_name: parameters.operation_name,
        variables: json_parameter("variables", parameters.variables)?,
        extensions: json_parameter("extensions", parameters.extensions)?,
    })
}

fn json_parameter<T: serde::de::DeserializeOwned>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Refused> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|failure| {
            Refused::bad_request(format!(
                "the parameter {name} is not a JSON object: {failure}"
            ))
        })
}

/// Whether executing the named (or only) operation would change something.
fn changes(document: &ExecutableDocument, operation_name: Option<&str>) -> bool {
    let is_mutation = |operation: OperationType| operation == OperationType::Mutation;
    match &document.operations {
        DocumentOperations::Single(operation) => is_mutation(operation.node.ty),
        DocumentOperations::Multiple(operations) => match operation_name {
            Some(name) => operations
                .get(name)
                .is_some_and(|operation| is_mutation(operation.node.ty)),
            None => operations
                .values()
                .any(|operation| is_mutation(operation.node.ty)),
        },
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Refused::bad_request("the header idempotency-key is not UTF-8"))?;
    Ok(Some(key.to_owned()))
}

fn respond(response: &GraphqlResponse, media_type: MediaType) -> Response {
    // An error without a path came before any field ran: nothing was executed, so there is no data.
    let refused = response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    let status = match media_type {
        MediaType::GraphqlResponse if refused => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let data = (!refused).then_some(&response.data);
    write(
        status,
        media_type,
        &Body {
            errors: &response.errors,
            data,
        },
    )
}

fn refuse(refused: Refused, media_type: MediaType) -> Response {
    let errors = protocol_error(refused.code, refused.message).errors;
    let mut response = write(
        refused.status,
        media_type,
        &Body {
            errors: &errors,
            data: None,
        },
    );
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
