//! Other paths that a node serves: the explorer, and the probes.

use std::collections::BTreeSet;
use std::io::Read as _;

use fritzy_testbed_shop::Response;
use hyper::{Method, StatusCode};

use crate::http2_wire::{END_STREAM, HEADERS, Http2Wire};
use crate::node::{PAGE_FILE, TestNode};
use crate::wire::RawResponse;

async fn get(node: &TestNode, path: &str) -> Response {
    node.api.send(node.api.request(Method::GET, path), "").await
}

fn media_type(response: &Response) -> &str {
    let value = response.headers.get("content-type");
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_report_a_started_node_live_and_ready() {
    let node = TestNode::start().await;
    for (path, text) in [("/healthz/live", "live\n"), ("/healthz/ready", "ready\n")] {
        let response = get(&node, path).await;
        assert_eq!(
            (response.status, response.text.as_str()),
            (StatusCode::OK, text)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_serves_the_explorer_and_its_files() {
    let node = TestNode::start().await;
    let page = get(&node, "/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(media_type(&page), "text/html; charset=utf-8");
    assert!(
        page.text.to_lowercase().starts_with("<!doctype html>"),
        "{page:?}"
    );
    let mut open = paths_in(&page.text, "/");
    assert!(!open.is_empty(), "the page names files: {page:?}");
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let file = get(&node, &path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        let expected = match path.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!(media_type(&file), expected, "{path}");
        if path.ends_with(".js") {
            open.extend(paths_in(&file.text, &path));
        }
    }
    // Scripts that others import, too.
    assert!(seen.contains("/explorer/language/lexer.js"), "{seen:?}");
}

/// The paths of the files that a page or a script names: absolute ones, and a script's imports.
fn paths_in(text: &str, path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let words = text.split(['"', '\'']);
    let files = words.filter(|word| {
        let is_file = [".js", ".css", ".svg"]
            .iter()
            .any(|end| word.ends_with(end));
        let is_path = ["/explorer/", "./", "../"]
            .iter()
            .any(|start| word.starts_with(start));
        is_file && is_path
    });
    files.map(|file| joined(folder, file)).collect()
}

/// `/a/b` and `../c.js` make `/a/c.js`.
fn joined(folder: &str, file: &str) -> String {
    if file.starts_with('/') {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_not_found() {
    let node = TestNode::start().await;
    for path in [
        "/nope",
        "/graphql/x",
        "/graphqlx",
        "/healthz",
        "/explorer/nope.js",
        "/explorer/../x",
        "/explorer/language",
        "/explorer/language/",
        "/explorer/page.html",
    ] {
        let response = get(&node, path).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
    }
    let request = node.api.request(Method::POST, "/nope");
    let response = node.api.send(request, "{}").await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    assert!(
        response.text.contains("/graphql"),
        "says where the API is: {response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_get_and_no_body() {
    let node = TestNode::start().await;
    for path in ["/", "/healthz/live", "/healthz/ready", PAGE_FILE, "/nope"] {
        let get = get(&node, path).await;
        let head = node.api.request(Method::HEAD, path);
        let head = node.api.send(head, "").await;
        if path == "/nope" {
            assert_eq!(head.status, StatusCode::NOT_FOUND);
            continue;
        }
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["content-length", "content-type", "cache-control"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{path}");
        }
    }
    let mut wire = Http2Wire::connect(node.address(), 65_535).await;
    wire.head(1, "/");
    let frame = wire.expect(HEADERS, 1).await;
    assert_ne!(frame.flags & END_STREAM, 0, "no body follows: {frame:?}");
}

/// Browsers ask for each file at every visit, and get it only if it has changed.
#[tokio::test(flavor = "multi_thread")]
async fn unchanged_page_file_is_not_sent_again() {
    let node = TestNode::start().await;
    for path in ["/", PAGE_FILE] {
        let first = get(&node, path).await;
        let tag = first.headers["etag"].to_str().expect("ASCII").to_owned();
        let other = get(&node, if path == "/" { PAGE_FILE } else { "/" }).await;
        assert_ne!(other.headers["etag"], tag.as_str());
        for (known, status) in [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (format!("W/\"x\", {tag}"), StatusCode::NOT_MODIFIED),
            ("W/\"x\"".to_owned(), StatusCode::OK),
        ] {
            let request = node.api.request(Method::GET, path);
            let request = request.header("if-none-match", &known);
            let again = node.api.send(request, "").await;
            assert_eq!(again.status, status, "{path} {known}");
            assert_eq!(again.headers["etag"], tag.as_str());
            assert_eq!(again.headers["cache-control"], "no-cache");
            assert_eq!(again.text.is_empty(), status == StatusCode::NOT_MODIFIED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_may_load_only_what_it_names() {
    let node = TestNode::start().await;
    let page = get(&node, "/").await;
    let header = |name: &str| page.headers[name].to_str().expect("ASCII").to_owned();
    let policy = header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    for directive in policy.split(';') {
        let is_for_styles = directive.trim().starts_with("style-src");
        assert!(is_for_styles || !directive.contains("unsafe"), "{policy}");
    }
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let file = get(&node, "/explorer/start.js").await;
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    assert!(!policy.contains("http"), "no other host: {policy}");
    // The policy stops everything inline.
    for inline in [
        " onclick=",
        " onload=",
        " style=\"",
        "javascript:",
        "<style",
        "<script>",
    ] {
        assert!(!page.text.contains(inline), "{inline}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_and_files_are_compressed() {
    let node = TestNode::start().await;
    for path in ["/", PAGE_FILE] {
        let plain = get(&node, path).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\naccept-encoding: gzip\r\n\r\n"
        );
        let response = RawResponse::of(node.address(), request.as_bytes()).await;
        assert_eq!(response.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(response.header("vary"), Some("accept-encoding"), "{path}");
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&response.body[..]);
        decoder.read_to_string(&mut text).expect("gzip");
        assert_eq!(text, plain.text, "{path}");
    }
}
