//! Which web pages may call the API (CORS, in the Fetch standard).

use tracing::debug;
use warp::filters::BoxedFilter;
use warp::http::uri::Authority;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::accept::MediaType;
use super::encoding::Accepted;
use super::rejection::HttpRejection;
use super::request_id;
use super::response::{Format, reject};

/// Methods of the API.
const METHODS: &str = "GET, POST";
/// Headers that clients of the API, and what traces them, send.
const REQUEST_HEADERS: [&str; 13] = [
    "accept",
    "authorization",
    "baggage",
    "consistency-token",
    "content-encoding",
    "content-language",
    "content-type",
    "graphql-cost",
    "idempotency-key",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-request-id",
];
/// What the names of headers of Apollo's clients begin with, such as `apollo-require-preflight`.
const APOLLO_PREFIXES: [&str; 2] = ["apollo", "x-apollo"];
/// Headers of responses that pages may read, beside those that every page may.
const EXPOSED_HEADERS: &str = "retry-after, x-request-id";
/// Seconds for which browsers remember a permission: two hours, the most that Chromium accepts.
const MAX_AGE_S: &str = "7200";
/// Request headers by which the answers to preflights differ, beside the origin.
const PREFLIGHT_VARY: &str = "access-control-request-method, access-control-request-headers";

/// Which origins may call the API, and with which headers.
#[derive(Clone, Debug)]
pub(super) struct Cors {
    /// `*` for any.
    origins: Vec<String>,
    /// In lower case.
    headers: Vec<String>,
}

impl Cors {
    pub(super) const fn new(origins: Vec<String>, headers: Vec<String>) -> Self {
        Self { origins, headers }
    }

    /// The routes, with permissions for pages of other origins. Pages of this node's own origin
    /// need none, although browsers send the header `Origin` for them.
    pub(super) fn around(self, routes: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
        let preflight = warp::options()
            .and(cross_origin())
            .and(warp::header::value("access-control-request-method"))
            .and(warp::header::headers_cloned());
        let (of_preflight, of_request) = (self.clone(), self.clone());
        let preflight = preflight.map(move |origin, method, headers| {
            let response = of_preflight.preflight(&origin, &method, &headers);
            response.unwrap_or_else(|rejection| refuse(rejection, &headers))
        });
        let allowed = cross_origin()
            .and_then(move |origin| {
                let allowed = of_request
                    .allowed(&origin)
                    .ok_or_else(warp::reject::not_found);
                std::future::ready(allowed)
            })
            .and(routes.clone())
            .map(|origin, response| permit(response, origin));
        let refused = cross_origin()
            .and(warp::header::headers_cloned())
            .map(|_, headers| refuse(not_allowed(), &headers));
        preflight
            .or(allowed)
            .unify()
            .or(refused)
            .unify()
            .or(routes)
            .unify()
            .map(|response| with_vary(response, "origin"))
            .boxed()
    }

    /// The value of `access-control-allow-origin` for an origin; `None` where it is not allowed.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let is = |known: &&String| *known == "*" || known.as_bytes() == origin.as_bytes();
        let any = self.origins.iter().any(|known| known == "*");
        self.origins.iter().find(is).map(|_| match any {
            true => HeaderValue::from_static("*"),
            false => origin.clone(),
        })
    }

    /// The response to the question of a browser whether a page may send a request.
    ///
    /// # Errors
    /// `CORS_REFUSED`, with the method or header that is not allowed.
    fn preflight(
        &self,
        origin: &HeaderValue,
        method: &HeaderValue,
        headers: &HeaderMap,
    ) -> Result<Response, HttpRejection> {
        let origin = self.allowed(origin).ok_or_else(not_allowed)?;
        if ![Method::GET, Method::POST]
            .iter()
            .any(|known| known.as_str() == method)
        {
            let message = format!("pages send requests to this API by {METHODS}");
            return Err(HttpRejection::cors_refused(message));
        }
        for name in requested_headers(headers) {
            if !self.is_allowed_header(&name) {
                let name = name.chars().take(100).collect::<String>();
                let message = format!(
                    "pages may not send the header {name:?} to this API: the setting cors_headers allows further ones"
                );
                return Err(HttpRejection::cors_refused(message));
            }
        }
        let mut response = permit(StatusCode::NO_CONTENT.into_response(), origin);
        let answer = response.headers_mut();
        let methods = HeaderValue::from_static(METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            // All of them are allowed.
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        let max_age = HeaderValue::from_static(MAX_AGE_S);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, max_age);
        Ok(with_vary(response, PREFLIGHT_VARY))
    }

    fn is_allowed_header(&self, name: &str) -> bool {
        REQUEST_HEADERS.contains(&name)
            || APOLLO_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || self.headers.iter().any(|own| own == name)
    }
}

/// The names of the headers that a page will send, in lower case.
fn requested_headers(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let names = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = names.map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase());
    names.filter(|name| !name.is_empty())
}

fn not_allowed() -> HttpRejection {
    HttpRejection::cors_refused(
        "pages of this origin may not call this API: the setting cors_origins allows origins",
    )
}

/// Lets the page at `origin` read a response.
fn permit(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    response
}

fn with_vary(mut response: Response, names: &'static str) -> Response {
    let names = HeaderValue::from_static(names);
    response.headers_mut().append(header::VARY, names);
    response
}

fn refuse(rejection: HttpRejection, headers: &HeaderMap) -> Response {
    let id = request_id::of(headers);
    debug!(
        id = id.to_str().unwrap_or_default(),
        reason = rejection.message,
        "refused a page"
    );
    let format = Format {
        media_type: MediaType::Json,
        accepted: Accepted::PLAIN,
    };
    let mut response = reject(rejection, format);
    response.headers_mut().insert(request_id::HEADER, id);
    response
}

/// Requests from pages of other origins than this node's, with their origin.
fn cross_origin() -> impl Filter<Extract = (HeaderValue,), Error = warp::Rejection> + Clone {
    let node = warp::host::optional().or(warp::any().map(|| None)).unify();
    warp::header::value(header::ORIGIN.as_str())
        .and(node)
        .and_then(async |origin: HeaderValue, node: Option<Authority>| {
            let host = origin.to_str().ok().and_then(|text| text.split_once("://"));
            match (host, node) {
                (Some((_, host)), Some(node)) if host == node.as_str() => {
                    Err(warp::reject::not_found())
                }
                _ => Ok(origin),
            }
        })
}
