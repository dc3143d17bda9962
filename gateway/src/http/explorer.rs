//! The page at `/`: GraphiQL where the internet is reachable, otherwise a small built-in explorer.
//! Its files are part of the binary.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::encoding::{Accepted, Encoding};
use super::page_policy;
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

/// A file of the page, compressed when it is first wanted so.
struct PageFile {
    body: &'static str,
    content_type: &'static str,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

/// The page and its files. They are compressed for clients that accept it if `compression`.
pub(super) fn routes(compression: bool) -> BoxedFilter<(Response,)> {
    let accepted = move |headers: HeaderMap| match compression {
        true => Accepted::negotiate(&headers).unwrap_or(Accepted::PLAIN),
        false => Accepted::PLAIN,
    };
    let accepted = warp::header::headers_cloned().map(accepted);
    let page = Arc::new(PageFile::new(PAGE, "text/html; charset=utf-8"));
    let policy = page_policy::of(PAGE);
    let page = warp::path::end().and(accepted).map(move |accepted| {
        let mut response = page.respond(accepted);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        response
    });
    let files = FILES.map(|(name, body)| {
        let content_type = match name.ends_with(".css") {
            true => "text/css; charset=utf-8",
            false => "text/javascript; charset=utf-8",
        };
        (name, PageFile::new(body, content_type))
    });
    let files = Arc::new(files);
    let files =
        warp::path!("explorer" / String)
            .and(accepted)
            .map(move |wanted: String, accepted| {
                match files.iter().find(|(name, _)| *name == wanted) {
                    Some((_, file)) => file.respond(accepted),
                    None => plain_text(StatusCode::NOT_FOUND, "Not found.\n"),
                }
            });
    page.or(files).unify().boxed()
}

impl PageFile {
    const fn new(body: &'static str, content_type: &'static str) -> Self {
        Self {
            body,
            content_type,
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    fn respond(&self, accepted: Accepted) -> Response {
        let encoding = accepted.encoding(self.body.len());
        let compressed = encoding.map(|encoding| {
            let kept = match encoding {
                Encoding::Gzip => &self.gzip,
                Encoding::Brotli => &self.brotli,
            };
            let compress = || encoding.compress(self.body.as_bytes()).into();
            (encoding, kept.get_or_init(compress).clone())
        });
        let mut response = match &compressed {
            None => self.body.into_response(),
            Some((_, bytes)) => Response::new(bytes.clone().into()),
        };
        let headers = response.headers_mut();
        if let Some((encoding, _)) = compressed {
            let name = HeaderValue::from_static(encoding.name());
            headers.insert(header::CONTENT_ENCODING, name);
        }
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::VARY, "accept-encoding"),
            // Files of two versions must not be mixed; they are small enough to be revalidated each
            // time.
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
