//! The endpoint `/graphql`, by GraphQL over HTTP: POST with JSON, GET for queries, the status by
//! media type.

use std::sync::Arc;
use std::time::Instant;

use bytes::Buf;
use fritzy_cluster::admission;
use fritzy_domain::ReadReplicas;
use futures_util::Stream;
use tracing::{Instrument, debug, info_span};
use warp::Reply as _;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use super::accept::{MediaType, wants_page};
use super::admission::{BodyBudget, Reservation};
use super::any_schema::AnySchema;
use super::body::{Body, read_body};
use super::config::HttpConfig;
use super::encoding::Accepted;
use super::executor::{Executor, RequestHead};
use super::metrics::HttpMetrics;
use super::parameters::{Parameters, require_json};
use super::queue::Queue;
use super::rejection::HttpRejection;
use super::response::{Format, reject, respond};
use super::{request_id, traceparent};
use crate::graphql::ResponseBudgets;

/// The request headers by which responses differ.
const VARY: &str = "accept, accept-encoding";

/// The endpoint `/graphql`, with what all its requests share.
pub(super) struct Endpoint {
    config: HttpConfig,
    queue: Queue,
    bodies: BodyBudget,
    responses: ResponseBudgets,
    executor: Executor,
    metrics: Arc<HttpMetrics>,
}

impl Endpoint {
    pub(super) fn new(
        schema: AnySchema,
        config: HttpConfig,
        metrics: HttpMetrics,
        replicas: Option<Arc<dyn ReadReplicas>>,
    ) -> Self {
        let (places, wait_max) = (config.requests_max, config.queue_time_max);
        let queue = Queue::new(places, wait_max, metrics.queue.clone());
        let bodies = BodyBudget::new(config.body_bytes_max, config.body_bytes_total_max);
        let responses =
            ResponseBudgets::new(config.response_bytes_max, config.response_bytes_total_max);
        let metrics = Arc::new(metrics);
        let executor = Executor::new(schema, &config, metrics.clone(), replicas);
        Self {
            config,
            queue,
            bodies,
            responses,
            executor,
            metrics,
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
        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, id);
        headers.insert(header::VARY, HeaderValue::from_static(VARY));
        response
    }

    async fn negotiate<B: Buf>(
        &self,
        head: &RequestHead<'_>,
        query: &str,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Response {
        if self.config.explorer && is_visit(head, query) {
            return to_explorer();
        }
        let format = match self.format(head.headers) {
            Ok(format) => format,
            Err(rejection) => {
                let format = Format {
                    media_type: MediaType::Json,
                    accepted: Accepted::PLAIN,
                };
                return reject(rejection, format);
            }
        };
        let parameters = self.read_parameters(head, query, body).await;
        let budget = Arc::new(self.responses.for_response());
        let executed = match parameters {
            // The reservation of the body is held until the request is executed. A request waits
            // with its body read, so that clients that send slowly hold no place.
            Ok((parameters, _reservation)) => match self.queue.admit(self.deadline(head)).await {
                Ok(permit) => {
                    let executing = self.executor.execute(head, parameters, budget.clone());
                    admission::within(permit, executing).await
                }
                Err(rejection) => Err(rejection),
            },
            Err(rejection) => Err(rejection),
        };
        match executed {
            Ok(response) => respond(response, budget, format).await,
            Err(rejection) => {
                self.metrics.rejected(head.began.elapsed(), rejection.code);
                reject(rejection, format)
            }
        }
    }

    /// The form of the response. Found before anything is executed.
    fn format(&self, headers: &HeaderMap) -> Result<Format, HttpRejection> {
        let media_type = MediaType::negotiate(headers).ok_or_else(|| {
            HttpRejection::not_acceptable(
                "responses are application/graphql-response+json or application/json",
            )
        })?;
        let accepted = if self.config.compression {
            Accepted::negotiate(headers)
        } else {
            Some(Accepted::PLAIN)
        };
        let accepted = accepted.ok_or_else(|| {
            HttpRejection::not_acceptable("responses are encoded by gzip, br or identity")
        })?;
        Ok(Format {
            media_type,
            accepted,
        })
    }

    fn deadline(&self, head: &RequestHead<'_>) -> Instant {
        head.began + self.config.request_timeout
    }

    async fn read_parameters<B: Buf>(
        &self,
        head: &RequestHead<'_>,
        query: &str,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<(Parameters, Reservation<'_>), HttpRejection> {
        match *head.method {
            // Without a permit the request would be rejected anyway, so its body is not read.
            Method::POST if self.queue.is_full() => Err(HttpRejection::overloaded()),
            Method::POST => {
                let deadline = self.deadline(head);
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
            _ => Err(HttpRejection::method_not_allowed(
                "GraphQL is served by POST, and queries by GET",
            )),
        }
    }
}

/// Whether a person opens the endpoint in a browser, without a request.
fn is_visit(head: &RequestHead<'_>, query: &str) -> bool {
    *head.method == Method::GET
        && wants_page(head.headers)
        && Parameters::from_query(query).is_ok_and(|parameters| parameters.is_empty())
}

fn to_explorer() -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let page = HeaderValue::from_static("/");
    response.headers_mut().insert(header::LOCATION, page);
    response
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
