//! The routes of a node, and CORS around them.

use std::convert::Infallible;
use std::sync::Arc;

use fritzy_domain::ReadReplicas;
use http_body::Body as _;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{StatusCode, header};
use warp::reply::Response;

use super::any_schema::AnySchema;
use super::config::HttpConfig;
use super::cors::Cors;
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
    let cors = Cors::new(config.cors_origins.clone(), config.cors_headers.clone());
    let is_open_to_pages = !config.cors_origins.is_empty();
    let (serves_clients, explorer) = (config.serves_clients, config.explorer);
    let compression = config.compression;
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
    let page = match explorer {
        true => explorer::routes(compression),
        false => not_found(explorer).boxed(),
    };
    let rest = health::routes(readiness)
        .or(metrics::route(Arc::new(scrape)))
        .unify()
        .or(page)
        .unify()
        .boxed();
    let rest = with_head(rest).or(not_found(explorer)).unify();
    let all = api.or(rest).unify().boxed();
    match is_open_to_pages {
        true => cors.around(all),
        false => all,
    }
}

/// Serves routes by GET, and by HEAD without their body: HTTP/2 would send it.
fn with_head(routes: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    let head = warp::head().and(routes.clone()).map(|response: Response| {
        let (mut head, body) = response.into_parts();
        if let Some(len) = body.size_hint().exact() {
            head.headers.insert(header::CONTENT_LENGTH, len.into());
        }
        Response::from_parts(head, Vec::new().into())
    });
    warp::get().and(routes).or(head).unify().boxed()
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

fn not_found(explorer: bool) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let body = match explorer {
        true => "Not found. The API is at /graphql, a page to try it at /.\n",
        false => "Not found. The API is at /graphql.\n",
    };
    warp::any().map(move || plain_text(StatusCode::NOT_FOUND, body))
}
