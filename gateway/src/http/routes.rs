//! The routes of a node, and CORS around them.

use std::convert::Infallible;
use std::sync::Arc;

use fritzy_domain::ReadReplicas;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::any_schema::AnySchema;
use super::config::HttpConfig;
use super::endpoint::Endpoint;
use super::explorer;
use super::health::{self, Readiness};
use super::metrics::{self, HttpMetrics, Scrape};
use super::plain_text::plain_text;

/// All routes. The API is first, because nearly every request is for it.
pub fn routes(
    schema: AnySchema,
    config: HttpConfig,
    readiness: Readiness,
    metrics: HttpMetrics,
    scrape: Scrape,
    replicas: Option<Arc<dyn ReadReplicas>>,
) -> BoxedFilter<(Response,)> {
    let (origins, serves_clients) = (config.cors_origins.clone(), config.serves_clients);
    let endpoint = Arc::new(Endpoint::new(schema, config, metrics, replicas));
    let api = warp::path("graphql")
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(query_string())
        .and(warp::body::stream())
        .then(move |method, headers, query, body| {
            let endpoint = endpoint.clone();
            async move { endpoint.handle(method, headers, query, body).await }
        })
        .boxed();
    let api = if serves_clients { api } else { not_served() };
    let rest = health::routes(readiness)
        .or(metrics::route(Arc::new(scrape)))
        .unify()
        .or(explorer::routes())
        .unify()
        .or(not_found())
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
    // A page of the node's own origin needs no CORS, although browsers send the header `Origin` for
    // it.
    let from_same_origin = same_origin().and(routes.clone());
    from_same_origin
        .or(routes.with(cors.build()).map(Reply::into_response))
        .unify()
        .boxed()
}

/// Accepts requests from pages of this node's origin.
fn same_origin() -> impl Filter<Extract = (), Error = warp::Rejection> + Clone {
    warp::header::<String>("origin")
        .and(warp::header::<String>("host"))
        .and_then(async |origin: String, host: String| {
            let is_same = origin
                .split_once("://")
                .is_some_and(|(_, origin_host)| origin_host == host);
            if is_same {
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

/// The API on a node of a cluster that lacks the role `gateway`.
fn not_served() -> BoxedFilter<(Response,)> {
    warp::path("graphql")
        .and(warp::path::end())
        .map(|| {
            let body = "This node does not serve clients (--roles). Send requests to another node of the cluster.\n";
            plain_text(StatusCode::NOT_FOUND, body)
        })
        .boxed()
}

fn not_found() -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    warp::any().map(|| {
        plain_text(
            StatusCode::NOT_FOUND,
            "Not found. The API is at /graphql, a page to try it at /.\n",
        )
    })
}
