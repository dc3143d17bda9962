//! HTTP around the schema: GraphQL by its specification, the page at `/`, health, CORS.

mod accept;
mod body;
mod document;
mod endpoint;
mod explorer;
mod headers;
mod health;
mod metrics;
mod process;
mod request_id;
mod response;
mod server;
mod traceparent;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use fritzy_domain::ReadReplicas;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use endpoint::Endpoint;

pub use document::{INTROSPECTION, InputTypes};
pub use health::Readiness;
pub use metrics::{HttpMetrics, Scrape};
pub use server::{ConnectionLimits, serve};

/// The limits of the front end.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// For a request from the first byte of its body to the response, waiting included.
    pub request_timeout: Duration,
    /// Bytes of one request body.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies in progress.
    pub body_bytes_total_max: usize,
    /// Requests in progress; as many again may be parked while they wait for another node.
    pub requests_max: usize,
    /// Bytes of memory one response may take.
    pub answer_bytes_max: usize,
    /// Bytes of memory all responses in progress may take, beyond what each has for itself.
    pub answer_bytes_total_max: usize,
    /// Web origins whose pages may call the API; `*` for any.
    pub cors_origins: Vec<String>,
    /// Whether this node serves clients at all.
    pub serves_clients: bool,
}

impl HttpConfig {
    /// No limit on what requests and responses take together, and no CORS.
    pub const fn unlimited(request_timeout: Duration, body_bytes_max: usize) -> Self {
        let no_limit = tokio::sync::Semaphore::MAX_PERMITS;
        Self {
            request_timeout,
            body_bytes_max,
            body_bytes_total_max: no_limit,
            requests_max: no_limit,
            answer_bytes_max: no_limit,
            answer_bytes_total_max: no_limit,
            cors_origins: Vec::new(),
            serves_clients: true,
        }
    }
}

/// All routes. The API comes first: it is what nearly every request wants.
pub fn routes(
    schema: impl Executor,
    config: HttpConfig,
    readiness: Readiness,
    input_types: InputTypes,
    metrics: HttpMetrics,
    scrape: Scrape,
    copies: Option<Arc<dyn ReadReplicas>>,
) -> BoxedFilter<(Response,)> {
    let (origins, serves_clients) = (config.cors_origins.clone(), config.serves_clients);
    let endpoint = Arc::new(Endpoint::new(schema, config, metrics, input_types, copies));
    let api = warp::path("graphql")
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(query_string())
        .and(warp::body::stream())
        .then(move |method, headers, query, body| {
            let endpoint = endpoint.clone();
            async move { endpoint.answer(method, headers, query, body).await }
        })
        .boxed();
    let api = if serves_clients { api } else { closed() };
    let rest = health::routes(readiness)
        .or(metrics::route(Arc::new(scrape)))
        .unify()
        .or(explorer::routes())
        .unify()
        .or(unknown())
        .unify()
        .boxed();
    let all = api.or(rest).unify();
    if origins.is_empty() {
        all.boxed()
    } else {
        with_cors(all, &origins)
    }
}

fn with_cors(
    routes: impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone + Send + Sync + 'static,
    origins: &[String],
) -> BoxedFilter<(Response,)> {
    let cors = warp::cors()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            "accept",
            "authorization",
            "consistency-token",
            "content-type",
            "idempotency-key",
            "x-request-id",
        ])
        .expose_header("x-request-id");
    let cors = if origins.iter().any(|origin| origin == "*") {
        cors.allow_any_origin()
    } else {
        cors.allow_origins(origins.iter().map(String::as_str))
    };
    // A page of the node's own origin needs no leave; its browser names the origin all the same.
    let own = same_origin().and(routes.clone());
    own.or(routes.with(cors.build()).map(Reply::into_response))
        .unify()
        .boxed()
}

/// Passes requests from pages that this node served.
fn same_origin() -> impl Filter<Extract = (), Error = warp::Rejection> + Clone {
    warp::header::<String>("origin")
        .and(warp::header::<String>("host"))
        .and_then(async |origin: String, host: String| {
            let own = origin
                .split_once("://")
                .is_some_and(|(_, origin_host)| origin_host == host);
            if own {
                Ok(())
            } else {
                Err(warp::reject::not_found())
            }
        })
        .untuple_one()
}

fn query_string() -> impl Filter<Extract = (String,), Error = Infallible> + Clone {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// What a node of a cluster says that has not the role of serving clients.
fn closed() -> BoxedFilter<(Response,)> {
    warp::path("graphql")
        .and(warp::path::end())
        .map(|| {
            let body = "This node serves no clients (--roles): ask another one of the cluster.\n";
            text(StatusCode::NOT_FOUND, body)
        })
        .boxed()
}

fn unknown() -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    warp::any().map(|| {
        text(
            StatusCode::NOT_FOUND,
            "Not found. The API is at /graphql, a page to try it at /.\n",
        )
    })
}

fn text(status: StatusCode, body: &'static str) -> Response {
    warp::reply::with_status(body, status).into_response()
}
