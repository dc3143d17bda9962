//! GraphQL over HTTP: queries by GET, and the status by the media type of the response (requirement
//! F1).

use fritzy_testbed_shop::{Api, Response};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::node::TestNode;

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

async fn get(api: &Api, parameters: &[(&str, &str)]) -> Response {
    let query = serde_urlencoded::to_string(parameters).expect("pairs of texts");
    let request = api.request(Method::GET, &format!("/graphql?{query}"));
    api.send(request.header(ACCEPT, GRAPHQL), "").await
}

async fn post_accepting(api: &Api, accept: Option<&str>, body: &str) -> Response {
    let mut request = api
        .request(Method::POST, "/graphql")
        .header(CONTENT_TYPE, JSON);
    if let Some(accept) = accept {
        request = request.header(ACCEPT, accept);
    }
    api.send(request, body.to_owned()).await
}

fn media_type(response: &Response) -> &str {
    let value = response.headers.get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn get_query_takes_variables_and_operation_name() {
    let node = TestNode::start().await;
    for name in ["Ada", "Bob & Cy=é+%"] {
        node.api.new_account(name).await;
    }
    let document = "query Page($skip: Int) { accounts(pagination: { skip: $skip }) { name } }
        query Other { products { name } }";
    let plain = get(&node.api, &[("query", "{ accounts { name } }")]).await;
    let both = json!([{ "name": "Ada" }, { "name": "Bob & Cy=é+%" }]);
    assert_eq!(plain.data("/accounts"), both);
    let named = get(
        &node.api,
        &[
            ("query", document),
            ("operationName", "Page"),
            ("variables", r#"{"skip":1}"#),
        ],
    )
    .await;
    assert_eq!(named.data("/accounts"), json!([{ "name": "Bob & Cy=é+%" }]));
    let other = [
        ("query", document),
        ("operationName", "Other"),
        ("variables", ""),
    ];
    assert_eq!(get(&node.api, &other).await.data("/products"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_get_is_refused() {
    let node = TestNode::start().await;
    let query = ("query", "{ accounts { id } }");
    for parameters in [
        &[][..],
        &[("nope", "x")],
        &[query, ("variables", "nope")],
        &[query, ("variables", "[1]")],
        &[query, ("extensions", "{")],
        &[query, query],
    ] {
        let response = get(&node.api, parameters).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{parameters:?}");
        assert_eq!(response.code(), "BAD_REQUEST", "{parameters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutation_by_get_is_refused() {
    let node = TestNode::start().await;
    let mutation = r#"mutation M { createAccount(account: { name: "Ada" }) { id } }"#;
    let both = format!("{mutation} query Q {{ accounts {{ id }} }}");
    let anonymous = mutation.replace("mutation M", "mutation");
    for parameters in [
        &[("query", mutation)][..],
        &[("query", &anonymous)],
        &[("query", &both), ("operationName", "M")],
    ] {
        let response = get(&node.api, parameters).await;
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.code(), "METHOD_NOT_ALLOWED");
    }
    let query = get(&node.api, &[("query", &both), ("operationName", "Q")]).await;
    assert_eq!(
        query.data("/accounts"),
        json!([]),
        "the query beside it does"
    );
    let neither = get(&node.api, &[("query", &both)]).await;
    assert!(!neither.status.is_success(), "{neither:?}");
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]), "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_response_media_type_uses_error_statuses() {
    let node = TestNode::start().await;
    for body in [
        r#"{"query":"{"}"#,
        r#"{"query":"{ nope }"}"#,
        r#"{"query":"query A { accounts { id } }","operationName":"B"}"#,
    ] {
        let response = post_accepting(&node.api, Some(GRAPHQL), body).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(media_type(&response), format!("{GRAPHQL}; charset=utf-8"));
        assert!(response.json().get("data").is_none(), "{response:?}");
        // The older media type always had status 200, and old clients check nothing else.
        for accept in [Some(JSON), Some("*/*"), None] {
            let response = post_accepting(&node.api, accept, body).await;
            assert_eq!(response.status, StatusCode::OK, "{accept:?} {body}");
            assert_eq!(media_type(&response), format!("{JSON}; charset=utf-8"));
            assert!(!response.code().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_media_type_is_not_sent() {
    let node = TestNode::start().await;
    let body = r#"{"query":"{ nope }"}"#;
    for (accept, expected) in [
        ("application/json;q=0, */*", GRAPHQL),
        (
            "application/json;q=0.2, application/graphql-response+json;q=0.9",
            GRAPHQL,
        ),
        (
            "application/graphql-response+json;q=0.2, application/json;q=0.9",
            JSON,
        ),
    ] {
        let response = post_accepting(&node.api, Some(accept), body).await;
        assert_eq!(media_type(&response), format!("{expected}; charset=utf-8"));
    }
    let nothing = "application/json;q=0, application/graphql-response+json;q=0";
    let response = post_accepting(&node.api, Some(nothing), body).await;
    assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_order_mark_before_a_body_is_ignored() {
    let node = TestNode::start().await;
    let body = "\u{feff}{\"query\":\"{ accounts { id } }\"}";
    let response = post_accepting(&node.api, None, body).await;
    assert_eq!(response.data("/accounts"), json!([]));
    let twice = format!("\u{feff}{body}");
    let response = post_accepting(&node.api, None, &twice).await;
    assert_eq!(response.code(), "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_at_the_endpoint_is_sent_to_the_page() {
    let node = TestNode::start().await;
    let visit = async |path: &str, accept: &str| {
        let request = node.api.request(Method::GET, path).header(ACCEPT, accept);
        node.api.send(request, "").await
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for path in ["/graphql", "/graphql?", "/graphql?utm_source=mail"] {
        let response = visit(path, browser).await;
        assert_eq!(response.status, StatusCode::FOUND, "{path}");
        assert_eq!(response.headers["location"], "/");
        assert!(response.headers.contains_key("x-request-id"));
    }
    let query = "/graphql?query=%7Baccounts%7Bid%7D%7D";
    assert_eq!(visit(query, browser).await.data("/accounts"), json!([]));
    for accept in ["*/*", "application/json", "text/html;q=0, */*"] {
        let response = visit("/graphql", accept).await;
        assert_eq!(response.code(), "BAD_REQUEST", "{accept}");
    }
    let post = node.api.post().header(ACCEPT, browser);
    assert_eq!(
        node.api.send(post, "{}").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn executed_requests_return_200() {
    let node = TestNode::start().await;
    for body in [
        r#"{"query":"{ accounts { id } }"}"#,
        // The error of a field is part of the response and does not change its status.
        r#"{"query":"{ accounts { id } order(id: \"x\") { id } }"}"#,
        r#"{"query":"{ accounts(pagination: { take: -1 }) { id } }"}"#,
    ] {
        for accept in [GRAPHQL, JSON] {
            let response = post_accepting(&node.api, Some(accept), body).await;
            assert_eq!(response.status, StatusCode::OK, "{accept} {body}");
            assert_eq!(media_type(&response), format!("{accept}; charset=utf-8"));
            assert!(response.json().get("data").is_some(), "{response:?}");
        }
    }
}
