//! GraphQL over HTTP, by its specification: POST with JSON, GET for queries, the status by media type.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Executor, Positioned, Request, Response as GraphqlResponse, Value, Variables};
use bytes::Buf;
use fritzy_cluster::aside::{self, Places};
use fritzy_domain::ReadReplicas;
use futures_util::{FutureExt as _, Stream};
use serde::Deserialize;
use tracing::{Instrument, debug, error, info_span};
use warp::http::{HeaderMap, Method, StatusCode, header};
use warp::reply::Response;

use super::accept::MediaType;
use super::body::{Bodies, Body, Reserved};
use super::document::{self, InputTypes, NAME_BYTES_MAX, Unread};
use super::headers::{TOKEN_EXTENSION, freshness, idempotency_key};
use super::metrics::{HttpMetrics, name_of};
use super::response::{Refused, refuse, respond};
use super::{HttpConfig, request_id, traceparent};
use crate::graphql::{AnswerRoom, Answers, RequestContext, Stage, answer_excess, with_codes};

/// The endpoint `/graphql`.
pub(super) struct Endpoint<E> {
    schema: E,
    config: HttpConfig,
    /// Places for requests being worked on. Taken before a document is parsed: refusing must cost
    /// next to nothing, or it would be an overload of its own.
    places: Places,
    bodies: Bodies,
    answers: Answers,
    metrics: HttpMetrics,
    input_types: InputTypes,
    copies: Option<Arc<dyn ReadReplicas>>,
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

impl<E: Executor> Endpoint<E> {
    pub(super) fn new(
        schema: E,
        config: HttpConfig,
        metrics: HttpMetrics,
        input_types: InputTypes,
        copies: Option<Arc<dyn ReadReplicas>>,
    ) -> Self {
        let places = Places::new(config.requests_max);
        let bodies = Bodies::new(config.body_bytes_max, config.body_bytes_total_max);
        let answers = Answers::new(config.answer_bytes_max, config.answer_bytes_total_max);
        Self {
            schema,
            config,
            places,
            bodies,
            answers,
            metrics,
            input_types,
            copies,
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
        let trace = traceparent::of(&headers);
        let span = info_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            trace_id = trace.map(|trace| trace.id()),
            parent = trace.map(|trace| trace.parent()),
        );
        let mut response = async {
            let negotiating = self.negotiate(began, &method, &headers, &query, body);
            let response = match trace {
                None => negotiating.await,
                trace => fritzy_cluster::trace::within(trace, negotiating).await,
            };
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
            // A full house is seen at the door: what is refused anyway is neither read nor parsed.
            Method::POST if self.places.are_taken() => Err(Refused::overloaded()),
            Method::POST => {
                let deadline = began + self.config.request_timeout;
                let reading = self.read_body(headers, body);
                let read = tokio::time::timeout_at(deadline.into(), reading).await;
                read.unwrap_or_else(|_| Err(Refused::incomplete()))
            }
            Method::GET => read_query(query).map(|read| (read, Reserved::default())),
            _ => Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "GraphQL is served by POST, and queries by GET",
            )),
        };
        let room = Arc::new(self.answers.room());
        let executed = match (parameters, self.places.take()) {
            // What the body held is in use until the request is carried out.
            (Ok((parameters, _reserved)), Some(place)) => {
                let executing = self.execute(began, method, headers, parameters, room.clone());
                aside::within(place, executing).await
            }
            (Ok(_), None) => Err(Refused::overloaded()),
            (Err(refused), _) => Err(refused),
        };
        match executed {
            Ok(response) => respond(response, room, media_type).await,
            Err(refused) => {
                self.metrics.refused(began.elapsed(), refused.code);
                refuse(refused, media_type)
            }
        }
    }

    async fn read_body<B: Buf>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<(Parameters, Reserved<'_>), Refused> {
        if !is_json(headers) {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "send the request as content-type: application/json, in UTF-8",
            ));
        }
        let Body { bytes, reserved } = self.bodies.read(headers, body).await?;
        // A list of values would be read as the fields of a request, in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Refused::bad_request("the body is not a JSON object"));
        }
        let parameters = serde_json::from_slice(&bytes).map_err(|failure| {
            Refused::bad_request(format!(
                "the body is not a GraphQL request ({{\"query\": \"…\"}}, with variables, operationName \
                 and extensions where needed): {failure}"
            ))
        })?;
        Ok((parameters, reserved))
    }

    async fn execute(
        &self,
        began: Instant,
        method: &Method,
        headers: &HeaderMap,
        parameters: Parameters,
        room: Arc<AnswerRoom>,
    ) -> Result<GraphqlResponse, Refused> {
        let named = parameters.operation_name.as_deref().unwrap_or_default();
        if named.len() > NAME_BYTES_MAX {
            return Err(Refused::bad_request(format!(
                "operationName has more than {NAME_BYTES_MAX} bytes"
            )));
        }
        let (unread, stage) = match document::read(&parameters.query) {
            Ok(document) => {
                return self
                    .execute_document(began, method, headers, parameters, document, room)
                    .await;
            }
            Err(Unread::TooComplex(excess)) => return Err(Refused::too_complex(excess)),
            Err(Unread::Unparsable(failure)) => (failure.into(), Stage::Parsing),
            Err(Unread::Invalid(error)) => (error, Stage::Executing),
        };
        let unread = with_codes(GraphqlResponse::from_errors(vec![unread]), stage);
        self.metrics.executed("", began.elapsed(), &unread);
        Ok(unread)
    }

    async fn execute_document(
        &self,
        began: Instant,
        method: &Method,
        headers: &HeaderMap,
        parameters: Parameters,
        document: ExecutableDocument,
        room: Arc<AnswerRoom>,
    ) -> Result<GraphqlResponse, Refused> {
        let operation_name = parameters.operation_name.filter(|name| !name.is_empty());
        if *method == Method::GET && changes(&document, operation_name.as_deref()) {
            return Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "mutations are sent by POST",
            ));
        }
        // A field's name is short; the document itself goes on to be executed.
        let name = name_of(&document, operation_name.as_deref()).to_owned();
        let mut variables = parameters.variables.unwrap_or_default();
        if let Some(found) = operation(&document, operation_name.as_deref()) {
            if let Err(errors) = self.input_types.coerce(&found.node, &mut variables) {
                let unfit = with_codes(GraphqlResponse::from_errors(errors), Stage::Coercing);
                self.metrics.executed(&name, began.elapsed(), &unfit);
                return Ok(unfit);
            }
            if let Some(excess) = answer_excess(&document, &found.node, &variables) {
                return Err(Refused::too_complex(excess));
            }
        }
        let several = has_several_fields(&document, operation_name.as_deref());
        let deadline = began + self.config.request_timeout;
        let is_change = changes(&document, operation_name.as_deref());
        let freshness = freshness(headers, parameters.extensions.as_ref(), is_change)?;
        let key = idempotency_key(headers)?;
        let context = RequestContext::new(deadline, key, room, several, freshness);
        let mut request = Request::new(parameters.query)
            .variables(variables)
            .data(context);
        request.operation_name = operation_name;
        request.set_parsed_query(document);
        // A panic is this request's misfortune, which it is told, and not the connection's. What it used is given back.
        let executing = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        match tokio::time::timeout_at(deadline.into(), executing).await {
            Ok(Ok(response)) => {
                let mut response = with_codes(response, Stage::Executing);
                if is_change
                    && let Some(copies) = &self.copies
                    && let Some(token) = copies.token().await
                {
                    let token = Value::String(token.to_string());
                    response.extensions.insert(TOKEN_EXTENSION.into(), token);
                }
                self.metrics.executed(&name, began.elapsed(), &response);
                Ok(response)
            }
            Ok(Err(_)) => {
                error!(operation = name, "executing a request panicked");
                Err(Refused::internal())
            }
            Err(_) => Err(Refused::timed_out()),
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

/// The operation that would be executed: the named one, or the only one.
pub(super) fn operation<'d>(
    document: &'d ExecutableDocument,
    named: Option<&str>,
) -> Option<&'d Positioned<OperationDefinition>> {
    match (&document.operations, named) {
        (DocumentOperations::Single(only), _) => Some(only),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        // One that has a name but is the only one needs not be named.
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// Whether an operation may have two fields of one name: with one field only it has not.
fn has_several_fields(document: &ExecutableDocument, named: Option<&str>) -> bool {
    operation(document, named).is_some_and(|found| {
        let items = &found.node.selection_set.node.items;
        !matches!(items.as_slice(), [only] if matches!(only.node, Selection::Field(_)))
    })
}

fn changes(document: &ExecutableDocument, named: Option<&str>) -> bool {
    operation(document, named).is_some_and(|found| found.node.ty == OperationType::Mutation)
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
    use futures_util::stream;
    use http_body_util::BodyExt as _;
    use prometheus_client::registry::Registry;

    use super::*;

    struct Broken;

    #[Object]
    impl Broken {
        async fn broken(&self) -> bool {
            "no number".parse::<i32>().expect("injected") > 0
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        let schema = Schema::new(Broken, EmptyMutation, EmptySubscription);
        let metrics = HttpMetrics::new(["broken".into()], &mut Registry::default());
        let config = HttpConfig::unlimited(std::time::Duration::from_secs(10), 1_000);
        let types = InputTypes::read(&serde_json::Value::Null);
        let endpoint = Endpoint::new(schema, config, metrics, types, None);
        let nothing = stream::empty::<Result<bytes::Bytes, warp::Error>>();
        let query = "query=%7Bbroken%7D".to_owned();
        let answer = endpoint.answer(Method::GET, HeaderMap::new(), query, nothing);
        let (head, body) = answer.await.into_parts();
        assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(head.headers.contains_key(request_id::HEADER));
        let body = body.collect().await.expect("whole").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL");
    }
}
