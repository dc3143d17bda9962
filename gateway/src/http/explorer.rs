//! The page at `/`, an explorer for the API. Its files are part of the binary, and it needs no
//! others.

use std::ffi::OsStr;
use std::path::Path;

use warp::Filter;
use warp::Reply;
use warp::http::{HeaderValue, StatusCode, header};
use warp::path::Tail;
use warp::reply::Response;

use super::plain_text::plain_text;

const PAGE: &str = include_str!("../explorer/page.html");

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../explorer/", $name)))),+]
    };
}

const FILES: [(&str, &str); 43] = files![
    "editor/code-editor.js",
    "editor/insert.js",
    "editor/keys.js",
    "editor/languages.js",
    "editor/painter.js",
    "editor/popup.js",
    "explorer.js",
    "icon.svg",
    "language/analysis.js",
    "language/completion.js",
    "language/json.js",
    "language/layout.js",
    "language/lexer.js",
    "language/matching.js",
    "language/operations.js",
    "language/place.js",
    "language/placeholders.js",
    "language/prettify.js",
    "language/schema.js",
    "language/variables.js",
    "language/walk.js",
    "panels/clipboard.js",
    "panels/dom.js",
    "panels/history-panel.js",
    "panels/json-view.js",
    "panels/placeholder-notice.js",
    "panels/response.js",
    "panels/schema-panel.js",
    "panels/tab-row.js",
    "request-form.js",
    "request/curl.js",
    "request/introspect.js",
    "request/link.js",
    "request/post.js",
    "start.js",
    "state/examples.js",
    "state/history.js",
    "state/saved-tabs.js",
    "state/storage.js",
    "style/editor.css",
    "style/frame.css",
    "style/panels.css",
    "style/theme.css",
];

pub(super) fn routes() -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    let page = warp::path::end().map(|| file(PAGE, "text/html; charset=utf-8"));
    let files = warp::path("explorer")
        .and(warp::path::tail())
        .map(|tail: Tail| {
            let known = FILES.iter().find(|(name, _)| *name == tail.as_str());
            match known {
                Some((name, body)) => file(body, media_type(name)),
                None => plain_text(StatusCode::NOT_FOUND, "Not found.\n"),
            }
        });
    warp::get().and(page.or(files).unify())
}

fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

fn file(body: &'static str, content_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Files of two versions must not be mixed; they are small enough to be revalidated each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
