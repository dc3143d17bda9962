//! Other paths that a node serves: the explorer, and the probes.

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
    let own = page.text.split(['"', '\'']).filter_map(|word| {
        let word = word.trim_start_matches(['.', '/']);
        word.strip_prefix("explorer/")
    });
    let own: Vec<&str> = own.filter(|name| name.contains('.')).collect();
    assert!(!own.is_empty(), "the page names files: {page:?}");
    for name in own {
        let file = get(&node, &format!("/explorer/{name}")).await;
        assert_eq!(file.status, StatusCode::OK, "{name}");
        let expected = if name.ends_with(".css") {
            "text/css; charset=utf-8"
        } else {
            "text/javascript; charset=utf-8"
        };
        assert_eq!(media_type(&file), expected, "{name}");
    }
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
