//! Other paths that a node serves: the explorer, and the probes.

use std::collections::BTreeSet;

use fritzy_testbed_shop::Response;
use hyper::{Method, StatusCode};

use crate::node::TestNode;

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
