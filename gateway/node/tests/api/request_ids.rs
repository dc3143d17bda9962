//! Every response of the API has an id that the logs contain.

use std::collections::BTreeSet;

use fritzy_testbed_shop::Response;
use hyper::Method;
use hyper::http::request::Builder;

use crate::node::TestNode;

const HEADER: &str = "x-request-id";

fn id_of(response: &Response) -> &str {
    let values: Vec<_> = response.headers.get_all(HEADER).iter().collect();
    assert_eq!(values.len(), 1, "{response:?}");
    values[0].to_str().expect("visible characters")
}

#[tokio::test(flavor = "multi_thread")]
async fn client_request_id_is_returned() {
    let node = TestNode::start().await;
    let long = "x".repeat(128);
    for id in [
        "abc-1",
        "0192d3a0-1111-7222-8333-444455556666",
        "a=b;c",
        &long,
    ] {
        let request = node.api.post().header(HEADER, id);
        let response = node
            .api
            .send(request, r#"{"query":"{ __typename }"}"#)
            .await;
        assert_eq!(id_of(&response), id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsafe_request_id_is_replaced() {
    let node = TestNode::start().await;
    let long = "x".repeat(129);
    for id in ["", "a b", "a\tb", "é", &long] {
        let request = node.api.post().header(HEADER, id.as_bytes());
        let response = node
            .api
            .send(request, r#"{"query":"{ __typename }"}"#)
            .await;
        let made = id_of(&response);
        assert!(made != id && made.len() == 32, "{made:?} for {id:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_its_own_request_id() {
    let node = TestNode::start().await;
    let get = |path: &str| node.api.request(Method::GET, path);
    let requests: [(Builder, &'static str, u16); 8] = [
        (node.api.post(), r#"{"query":"{ accounts { id } }"}"#, 200),
        (node.api.post(), r#"{"query":"{"}"#, 200),
        (node.api.post(), "nope", 400),
        (node.api.request(Method::POST, "/graphql"), "{}", 415),
        (node.api.request(Method::PUT, "/graphql"), "", 405),
        (get("/graphql").header("accept", "text/html"), "", 302),
        (get("/graphql").header("accept", "image/png"), "", 406),
        (get("/graphql?query=%7B__typename%7D"), "", 200),
    ];
    let mut seen = BTreeSet::new();
    for (request, body, status) in requests {
        let response = node.api.send(request, body).await;
        assert_eq!(response.status, status, "{response:?}");
        assert!(id_of(&response).len() == 32, "{response:?}");
        assert!(seen.insert(id_of(&response).to_owned()), "{response:?}");
    }
}
