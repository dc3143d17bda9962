//! `/metrics` for Prometheus: requests, latency and errors by operation and code, and the metrics
//! of the other components of the node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Response as GraphqlResponse;
use async_graphql::parser::types::{OperationDefinition, Selection};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::process::Process;

/// Rejected before GraphQL: overload, or not a GraphQL request.
const REFUSED: &str = "refused";
/// Several root fields in one operation.
const SEVERAL: &str = "several";
/// Introspection, or no field.
const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

struct OperationMetrics {
    requests: Counter,
    duration: Histogram,
}

/// The metrics of the GraphQL endpoint.
pub struct HttpMetrics {
    /// By the root field of the operation; a fixed set, so that no client can make it grow.
    operations: HashMap<String, OperationMetrics>,
    errors: Family<CodeLabel, Counter>,
    pub(super) queue: QueueMetrics,
}

/// The metrics of requests that wait for a place.
#[derive(Clone)]
pub(super) struct QueueMetrics {
    length: Gauge,
    waits: Histogram,
}

/// A request that waits; the wait ends when this is dropped.
pub(super) struct Waiting<'m> {
    metrics: &'m QueueMetrics,
    began: Instant,
}

impl QueueMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            length: Gauge::default(),
            // 1 ms to 1 s; the default limit is 0.1 s.
            waits: Histogram::new(exponential_buckets(0.001, 2.0, 11)),
        };
        let help = "Requests that wait for a place (requests_max)";
        registry.register("queued_requests", help, metrics.length.clone());
        let help = "Waits of requests that found no place at once, also of those refused then";
        registry.register_with_unit("queue_wait", help, Unit::Seconds, metrics.waits.clone());
        metrics
    }

    /// A request begins to wait.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.length.inc();
        Waiting {
            metrics: self,
            began: Instant::now(),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.metrics.length.dec();
        self.metrics
            .waits
            .observe(self.began.elapsed().as_secs_f64());
    }
}

impl HttpMetrics {
    /// Metrics for the fields of a schema, added to `registry`.
    pub fn new(fields: impl IntoIterator<Item = String>, registry: &mut Registry) -> Self {
        let requests = Family::<OperationLabel, Counter>::default();
        // 0.1 ms to 13 s.
        let buckets = || Histogram::new(exponential_buckets(0.0001, 2.0, 18));
        let duration = Family::<OperationLabel, Histogram>::new_with_constructor(buckets);
        let errors = Family::<CodeLabel, Counter>::default();
        registry.register("requests", "Requests that got a response", requests.clone());
        let help = "Duration of requests, from the first byte of their body";
        registry.register_with_unit("request_duration", help, Unit::Seconds, duration.clone());
        registry.register("errors", "Errors in responses, by code", errors.clone());
        let names = fields
            .into_iter()
            .chain([REFUSED, SEVERAL, OTHER].map(String::from));
        let operation = |name: String| {
            let label = OperationLabel {
                operation: name.clone(),
            };
            let requests = requests.get_or_create_owned(&label);
            (
                name,
                OperationMetrics {
                    requests,
                    duration: duration.get_or_create_owned(&label),
                },
            )
        };
        Self {
            operations: names.map(operation).collect(),
            errors,
            queue: QueueMetrics::new(registry),
        }
    }

    /// Counts an executed document.
    pub(super) fn executed(&self, operation: &str, took: Duration, response: &GraphqlResponse) {
        self.count(operation, took);
        for error in &response.errors {
            let code = error
                .extensions
                .as_ref()
                .and_then(|values| values.get("code"));
            if let Some(async_graphql::Value::String(code)) = code {
                self.count_error(code);
            }
        }
    }

    /// Counts a request that was rejected before GraphQL.
    pub(super) fn rejected(&self, took: Duration, code: &str) {
        self.count(REFUSED, took);
        self.count_error(code);
    }

    fn count(&self, operation: &str, took: Duration) {
        let known = self
            .operations
            .get(operation)
            .or_else(|| self.operations.get(OTHER));
        let metrics = known.expect("the label `other` always exists");
        metrics.requests.inc();
        metrics.duration.observe(took.as_secs_f64());
    }

    fn count_error(&self, code: &str) {
        self.errors
            .get_or_create(&CodeLabel {
                code: code.to_owned(),
            })
            .inc();
    }
}

/// The label of an operation: its root field, if it has only one.
pub(super) fn operation_label(operation: &OperationDefinition) -> &str {
    match operation.selection_set.node.items.as_slice() {
        [only] => match &only.node {
            Selection::Field(field) => field.node.name.node.as_str(),
            _ => OTHER,
        },
        _ => SEVERAL,
    }
}

/// What a scrape reads.
pub struct Scrape {
    /// All metrics of the node.
    pub registry: Registry,
    /// Gauge of the appends that wait for the committer.
    pub queue: Gauge,
    /// Reads the length of that queue.
    pub queue_len: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Scrape {
    fn text(&self) -> String {
        self.queue
            .set(i64::try_from((self.queue_len)()).unwrap_or(i64::MAX));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process));
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &process))
            .and_then(|()| encode_eof(&mut text))
            .expect("writing to a string does not fail");
        text
    }
}

pub(super) fn route(
    scrape: Arc<Scrape>,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    warp::path!("metrics").map(move || {
        let mut response = warp::reply::with_status(scrape.text(), StatusCode::OK).into_response();
        let text = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
        response
    })
}
