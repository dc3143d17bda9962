//! The endpoint `/graphql`, by GraphQL over HTTP: POST with JSON, GET for queries, the status by
//! media type.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response as GraphqlResponse, ServerError, Value};
use bytes::Buf;
use fritzy_cluster::admission::{self, AdmissionControl};
use fritzy_domain::ReadReplicas;
use futures_util::{FutureExt as _, Stream};
use tracing::{Instrument, debug, error, info_span};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::Response;

use super::accept::MediaType;
use super::admission::{BodyBudget, Reservation};
use super::any_schema::AnySchema;
use super::body::{Body, read_body};
use super::config::HttpConfig;
use super::headers::{TOKEN_EXTENSION, consistency, idempotency_key};
use super::metrics::{HttpMetrics, operation_label};
use super::parameters::{Parameters, require_json};
use super::rejection::HttpRejection;
use super::response::{reject, respond};
use super::{request_id, traceparent};
use crate::document::{Document, DocumentError, NAME_BYTES_MAX};
use crate::graphql::{
    RequestContext, ResponseBudget, ResponseBudgets, Stage, cost_excess, with_codes,
};

/// The endpoint `/graphql`, with what all its requests share.
pub(super) struct Endpoint {
    schema: AnySchema,
    config: HttpConfig,
    /// Permits for requests being executed. Taken before a document is parsed: rejecting must cost
    /// next to nothing, or it would itself cause an overload.
    permits: AdmissionControl,
    bodies: BodyBudget,
    responses: ResponseBudgets,
    metrics: HttpMetrics,
    replicas: Option<Arc<dyn ReadReplicas>>,
}

/// The parts of an HTTP request that its execution needs.
struct RequestHead<'r> {
    /// When its first byte was received.
    began: Instant,
    method: &'r Method,
    headers: &'r HeaderMap,
}

impl Endpoint {
    pub(super) fn new(
        schema: AnySchema,
        config: HttpConfig,
        metrics: HttpMetrics,
        replicas: Option<Arc<dyn ReadReplicas>>,
    ) -> Self {
        let permits = AdmissionControl::new(config.requests_max);
        let bodies = BodyBudget::new(config.body_bytes_max, config.body_bytes_total_max);
        let responses =
            ResponseBudgets::new(config.response_bytes_max, config.response_bytes_total_max);
        Self {
            schema,
            config,
            permits,
            bodies,
            responses,
            metrics,
            replicas,
        }
    }

    pub(super) async fn handle<B: Buf>(
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
        let head = RequestHead {
            began,
            method: &method,
            headers: &headers,
        };
        let mut response = async {
            let negotiating = self.negotiate(&head, &query, body);
            let response = match trace {
                None => negotiating.await,
                trace => fritzy_cluster::trace_context::within(trace, negotiating).await,
            };
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            debug!(%method, status = response.status().as_u16(), micros, "responded");
            response
        }
        .instrument(span)
        .await;
        response.headers_mut().insert(request_id::HEADER, id);
        response
    }

    async fn negotiate<B: Buf>(
        &self,
        head: &RequestHead<'_>,
        query: &str,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Response {
        let Some(media_type) = MediaType::negotiate(head.headers) else {
            let message = "responses are application/graphql-response+json or application/json";
            let status = StatusCode::NOT_ACCEPTABLE;
            let rejection = HttpRejection::new(status, "NOT_ACCEPTABLE", message);
            return reject(rejection, MediaType::Json);
        };
        let parameters = self.read_parameters(head, query, body).await;
        let budget = Arc::new(self.responses.for_response());
        let executed = match (parameters, self.permits.admit()) {
            // The reservation of the body is held until the request is executed.
            (Ok((parameters, _reservation)), Some(permit)) => {
                let executing = self.execute(head, parameters, budget.clone());
                admission::within(permit, executing).await
            }
            (Ok(_), None) => Err(HttpRejection::overloaded()),
            (Err(rejection), _) => Err(rejection),
        };
        match executed {
            Ok(response) => respond(response, budget, media_type).await,
            Err(rejection) => {
                self.metrics.rejected(head.began.elapsed(), rejection.code);
                reject(rejection, media_type)
            }
        }
    }

    async fn read_parameters<B: Buf>(
        &self,
        head: &RequestHead<'_>,
        query: &str,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<(Parameters, Reservation<'_>), HttpRejection> {
        match *head.method {
            // Without a permit the request would be rejected anyway, so its body is not read.
            Method::POST if self.permits.is_full() => Err(HttpRejection::overloaded()),
            Method::POST => {
                let deadline = head.began + self.config.request_timeout;
                let reading = async {
                    require_json(head.headers)?;
                    let Body { bytes, reservation } =
                        read_body(&self.bodies, head.headers, body).await?;
                    Ok((Parameters::from_body(&bytes)?, reservation))
                };
                let read = tokio::time::timeout_at(deadline.into(), reading).await;
                read.unwrap_or_else(|_| Err(HttpRejection::incomplete()))
            }
            Method::GET => Ok((Parameters::from_query(query)?, Reservation::default())),
            _ => Err(HttpRejection::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "GraphQL is served by POST, and queries by GET",
            )),
        }
    }

    async fn execute(
        &self,
        head: &RequestHead<'_>,
        parameters: Parameters,
        budget: Arc<ResponseBudget>,
    ) -> Result<GraphqlResponse, HttpRejection> {
        let name = parameters.operation_name.as_deref().unwrap_or_default();
        if name.len() > NAME_BYTES_MAX {
            return Err(HttpRejection::bad_request(format!(
                "operationName has more than {NAME_BYTES_MAX} bytes"
            )));
        }
        let (errors, stage) = match self.schema.documents.document(&parameters.query) {
            Ok(document) => {
                return self
                    .execute_document(head, parameters, &document, budget)
                    .await;
            }
            Err(DocumentError::TooComplex(message)) => {
                return Err(HttpRejection::too_complex(message));
            }
            Err(DocumentError::Syntax(error)) => (vec![error], Stage::Parsing),
            Err(DocumentError::Invalid(errors)) => (errors, Stage::Validating),
        };
        Ok(self.refused(head, "", errors, stage))
    }

    /// The response to a request that is not executed.
    fn refused(
        &self,
        head: &RequestHead<'_>,
        label: &str,
        errors: Vec<ServerError>,
        stage: Stage,
    ) -> GraphqlResponse {
        let response = with_codes(GraphqlResponse::from_errors(errors), stage);
        self.metrics
            .executed(label, head.began.elapsed(), &response);
        response
    }

    async fn execute_document(
        &self,
        head: &RequestHead<'_>,
        parameters: Parameters,
        document: &Document,
        budget: Arc<ResponseBudget>,
    ) -> Result<GraphqlResponse, HttpRejection> {
        let name = parameters.operation_name.filter(|name| !name.is_empty());
        let operation = match document.operation(name.as_deref()) {
            Ok(operation) => operation,
            Err(message) => {
                let errors = vec![ServerError::new(message, None)];
                return Ok(self.refused(head, "", errors, Stage::Validating));
            }
        };
        let is_mutation = operation.is_mutation();
        if *head.method == Method::GET && is_mutation {
            return Err(HttpRejection::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "mutations are sent by POST",
            ));
        }
        let documents = &self.schema.documents;
        let mut variables = parameters.variables.unwrap_or_default();
        // Copied, because the merged operation is moved into the request; a field's name is short.
        let label = operation_label(operation.definition()).to_owned();
        if let Err(errors) = documents.coerce(operation, &mut variables) {
            return Ok(self.refused(head, &label, errors, Stage::Coercing));
        }
        let merged = documents
            .merged(document, operation, &variables)
            .map_err(HttpRejection::too_complex)?;
        if let Some(message) = cost_excess(&merged, &variables) {
            return Err(HttpRejection::too_complex(message));
        }
        let deadline = head.began + self.config.request_timeout;
        let consistency = consistency(head.headers, parameters.extensions.as_ref(), is_mutation)?;
        let key = idempotency_key(head.headers)?;
        let context = RequestContext::new(deadline, key, budget, consistency);
        let mut request = Request::new(parameters.query)
            .variables(variables)
            .data(context);
        request.set_parsed_query(ExecutableDocument::clone(&merged));
        // A panic fails this request only, not its connection; whatever the request holds is
        // released.
        let executing = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        match tokio::time::timeout_at(deadline.into(), executing).await {
            Ok(Ok(response)) => {
                let mut response = with_codes(response, Stage::Executing);
                if is_mutation {
                    self.add_consistency_token(&mut response).await;
                }
                self.metrics
                    .executed(&label, head.began.elapsed(), &response);
                Ok(response)
            }
            Ok(Err(_)) => {
                error!(operation = label, "executing a request panicked");
                Err(HttpRejection::internal())
            }
            Err(_) => Err(HttpRejection::timed_out()),
        }
    }

    /// Adds the token with which later queries read at least what this mutation wrote.
    async fn add_consistency_token(&self, response: &mut GraphqlResponse) {
        if let Some(replicas) = &self.replicas
            && let Some(token) = replicas.token().await
        {
            let token = Value::String(token.to_string());
            response.extensions.insert(TOKEN_EXTENSION.into(), token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
    async fn panic_while_executing_returns_internal() {
        let schema = Schema::new(Broken, EmptyMutation, EmptySubscription);
        let sdl = schema.sdl();
        let metrics = HttpMetrics::new(["broken".into()], &mut Registry::default());
        let config = HttpConfig::unlimited(Duration::from_secs(10), 1_000);
        let endpoint = Endpoint::new(AnySchema::new(schema, &sdl), config, metrics, None);
        let nothing = stream::empty::<Result<bytes::Bytes, warp::Error>>();
        let query = "query=%7Bbroken%7D".to_owned();
        let response = endpoint.handle(Method::GET, HeaderMap::new(), query, nothing);
        let (head, body) = response.await.into_parts();
        assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(head.headers.contains_key(request_id::HEADER));
        let body = body.collect().await.expect("complete").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL");
    }
}
