//! The page at `/`, an explorer for the API. Its files are part of the binary, and it needs no
//! others.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::path::Tail;
use warp::reply::Response;
use warp::{Filter, Reply};

use super::encoding::{Accepted, Encoding};
use super::page_policy::PAGE_POLICY;
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

/// A file of the page, compressed when it is first wanted so.
struct PageFile {
    body: &'static str,
    content_type: &'static str,
    /// Identifies the content, however it is encoded.
    tag: HeaderValue,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

/// What a request wants of a file.
struct Wanted {
    accepted: Accepted,
    /// The header `if-none-match`: what the browser has.
    known: Option<HeaderValue>,
}

impl Wanted {
    /// Whether the browser has the content with this tag. Tags are compared weakly.
    fn knows(&self, tag: &HeaderValue) -> bool {
        let known = self.known.as_ref().and_then(|known| known.to_str().ok());
        known.is_some_and(|known| known.split(',').any(|known| tag == known.trim()))
    }
}

/// The page and its files. They are compressed for clients that accept it if `compression`.
pub(super) fn routes(compression: bool) -> BoxedFilter<(Response,)> {
    let wanted = move |headers: HeaderMap| Wanted {
        accepted: match compression {
            true => Accepted::negotiate(&headers).unwrap_or(Accepted::PLAIN),
            false => Accepted::PLAIN,
        },
        known: headers.get(header::IF_NONE_MATCH).cloned(),
    };
    let wanted = warp::header::headers_cloned().map(wanted);
    let page = Arc::new(PageFile::new(PAGE, "text/html; charset=utf-8"));
    let page = warp::path::end().and(wanted).map(move |wanted| {
        let mut response = page.respond(&wanted);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    });
    let files = FILES.map(|(name, body)| (name, PageFile::new(body, media_type(name))));
    let files = Arc::new(files);
    let files = warp::path("explorer")
        .and(warp::path::tail())
        .and(wanted)
        .map(move |path: Tail, wanted| {
            match files.iter().find(|(name, _)| *name == path.as_str()) {
                Some((_, file)) => file.respond(&wanted),
                None => plain_text(StatusCode::NOT_FOUND, "Not found.\n"),
            }
        });
    page.or(files).unify().boxed()
}

fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

impl PageFile {
    fn new(body: &'static str, content_type: &'static str) -> Self {
        let hash = hex::encode(Sha256::digest(body));
        let tag = format!("W/\"{}\"", &hash[..32]);
        Self {
            body,
            content_type,
            tag: HeaderValue::from_str(&tag).expect("ASCII"),
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    fn respond(&self, wanted: &Wanted) -> Response {
        let mut response = match wanted.knows(&self.tag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => self.whole(wanted.accepted),
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::VARY, "accept-encoding"),
            // Files of two versions must not be mixed, so that browsers ask each time.
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn whole(&self, accepted: Accepted) -> Response {
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
        let content_type = HeaderValue::from_static(self.content_type);
        headers.insert(header::CONTENT_TYPE, content_type);
        response
    }
}
