//! HTTP around the schema: GraphQL by its specification, the page at `/`, health, CORS.

mod accept;
mod body;
mod conflicting_fields;
mod connections;
mod document_limits;
mod documents;
mod explorer;
mod graphql;
mod headers;
mod health;
mod metrics;
mod process;
mod repeated_fields;
mod request_id;
mod response;
mod traceparent;
mod variables;
mod words;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use fritzy_domain::Copies;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use crate::settings::Settings;
use graphql::Endpoint;

pub(crate) use connections::{ConnectionLimits, serve};
pub(crate) use health::Readiness;
pub(crate) use metrics::{HttpMetrics, Scrape};
pub(crate) use variables::{INTROSPECTION, InputTypes};

/// What HTTP needs of the settings.
#[derive(Clone, Debug)]
pub(crate) struct HttpConfig {
    request_timeout: Duration,
    body_bytes_max: usize,
    body_bytes_total_max: usize,
    requests_max: usize,
    answer_bytes_max: usize,
    answer_bytes_total_max: usize,
    cors_origins: Vec<String>,
    serves_clients: bool,
}

impl HttpConfig {
    /// Without CORS, and without a limit on answers and on requests together.
    pub(crate) const fn plain(request_timeout: Duration, body_bytes_max: usize) -> Self {
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

    pub(crate) fn new(settings: &Settings) -> Self {
        let origins = settings
            .cors_origins
            .iter()
            .map(|origin| origin.trim().to_owned());
        let bytes = |setting: u64| usize::try_from(setting).unwrap_or(usize::MAX);
        Self {
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            body_bytes_max: bytes(settings.body_bytes_max),
            body_bytes_total_max: bytes(settings.body_bytes_total_max),
            requests_max: usize::from(settings.requests_max),
            answer_bytes_max: bytes(settings.answer_bytes_max),
            answer_bytes_total_max: bytes(settings.answer_bytes_total_max),
            cors_origins: origins.filter(|origin| !origin.is_empty()).collect(),
            serves_clients: settings.cluster.roles().gateway,
        }
    }
}

/// All routes. The API comes first: it is what nearly every request wants.
pub(crate) fn routes(
    schema: impl Executor,
    config: HttpConfig,
    readiness: Readiness,
    input_types: InputTypes,
    metrics: HttpMetrics,
    scrape: Scrape,
    copies: Option<Arc<dyn Copies>>,
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
