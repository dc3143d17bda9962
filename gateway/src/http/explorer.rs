//! The page at `/`: GraphiQL where the internet is reachable, otherwise a small built-in explorer.
//! Its files are part of the binary.

use warp::Filter;
use warp::Reply;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::plain_text::plain_text;

const PAGE: &str = include_str!("../explorer/page.html");

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../explorer/", $name)))),+]
    };
}

const FILES: [(&str, &str); 14] = files![
    "document.js",
    "dom.js",
    "editor.js",
    "examples.js",
    "explorer.css",
    "graphiql.js",
    "json-input.js",
    "plain.js",
    "request.js",
    "response.js",
    "schema-panel.js",
    "schema.js",
    "start.js",
    "tabs.js",
];

pub(super) fn routes() -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    let page = warp::path::end().map(|| file(PAGE, "text/html; charset=utf-8"));
    let files = warp::path!("explorer" / String).map(|name: String| {
        match FILES.iter().find(|(known, _)| *known == name) {
            Some((_, body)) if name.ends_with(".css") => file(body, "text/css; charset=utf-8"),
            Some((_, body)) => file(body, "text/javascript; charset=utf-8"),
            None => plain_text(StatusCode::NOT_FOUND, "Not found.\n"),
        }
    });
    warp::get().and(page.or(files).unify())
}

fn file(body: &'static str, content_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Files of two versions must not be mixed; they are small enough to be revalidated each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
