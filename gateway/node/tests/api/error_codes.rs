//! Every refusal has a code, and the documented table lists exactly the existing codes (requirement
//! F2).

use std::collections::BTreeSet;
use std::path::Path;

use fritzy_domain::Code;
use fritzy_testbed_shop::{Api, Response};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::node::TestNode;

/// Codes of GraphQL and HTTP, in addition to those of the shop.
const PROTOCOL_CODES: [&str; 14] = [
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "BAD_USER_INPUT",
    "BAD_REQUEST",
    "NOT_ACCEPTABLE",
    "UNSUPPORTED_MEDIA_TYPE",
    "METHOD_NOT_ALLOWED",
    "PAYLOAD_TOO_LARGE",
    "DOCUMENT_TOO_COMPLEX",
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "DOCUMENT_NOT_ALLOWED",
    "INTROSPECTION_DISABLED",
    "CORS_REFUSED",
];

#[test]
fn documented_error_codes_are_complete() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let table = std::fs::read_to_string(file).expect("docs/errors.md");
    let first_column = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|rest| rest.split_once("` |"))
        .map(|(code, _)| code);
    let listed: Vec<&str> = first_column.collect();
    let set: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(set.len(), listed.len(), "each code once: {listed:?}");
    let ours = Code::ALL.into_iter().map(Code::as_str);
    assert_eq!(set, ours.chain(PROTOCOL_CODES).collect());
}

/// For clients that generate code from the printed schema.
#[test]
fn error_codes_are_an_enum_of_the_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema.graphql");
    let schema = std::fs::read_to_string(file).expect("docs/schema.graphql");
    let (_, rest) = schema.split_once("enum ErrorCode {\n").expect("the enum");
    let (values, _) = rest.split_once("\n}").expect("its end");
    let is_name = |line: &&str| {
        let mut bytes = line.bytes();
        !line.is_empty() && bytes.all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let names: BTreeSet<&str> = values.lines().map(str::trim).filter(is_name).collect();
    let ours = Code::ALL.into_iter().map(Code::as_str);
    assert_eq!(names, ours.chain(PROTOCOL_CODES).collect());
}

/// All codes of a response; each error must have one.
fn codes(response: &Response) -> BTreeSet<String> {
    let json = response.json();
    let errors = json["errors"].as_array();
    let errors = errors.unwrap_or_else(|| panic!("errors were expected: {response:?}"));
    let code = |error: &Value| error["extensions"]["code"].as_str().map(ToOwned::to_owned);
    let codes: Option<BTreeSet<String>> = errors.iter().map(code).collect();
    codes.unwrap_or_else(|| panic!("every error has a code: {response:?}"))
}

fn require_code(response: &Response, expected: &str) {
    assert_eq!(
        codes(response),
        [expected.to_owned()].into(),
        "{response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_documents_fail_to_parse() {
    let node = TestNode::start().await;
    for document in [
        "",
        "{",
        "{ accounts { id }",
        "{ accounts(id: ) { id } }",
        "accounts",
        r#"{ accounts(id: "x) { id } }"#,
    ] {
        let response = node.api.run(document).await;
        require_code(&response, "GRAPHQL_PARSE_FAILED");
        assert!(response.json().get("data").is_none(), "{response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_against_the_schema_fail_to_validate() {
    let node = TestNode::start().await;
    for document in [
        "fragment F on Query { __typename }",
        "{ nope }",
        "{ accounts { nope } }",
        "{ accounts }",
        "{ accounts { id { x } } }",
        "{ accounts(nope: 1) { id } }",
        "{ accounts { ...F } }",
        "{ accounts { id } } fragment F on Account { id }",
        "{ order { id } }",
        "query($x: Nope) { accounts { id } }",
        "query($x: Int) { accounts { id } }",
        "{ accounts(id: $x) { id } }",
        "mutation { createAccount { id } }",
        "mutation { createAccount(account: {}) { id } }",
        "{ accounts @nope { id } }",
        "{ a: accounts { id } a: products { id } }",
        "subscription { accounts { id } }",
    ] {
        let response = node.api.run(document).await;
        require_code(&response, "GRAPHQL_VALIDATION_FAILED");
        assert!(response.json().get("data").is_none(), "{response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_have_a_code_as_literals_and_variables() {
    let node = TestNode::start().await;
    let by_name = "mutation($x: String!) { createAccount(account: { name: $x }) { id } }";
    let by_account = "mutation($x: AccountInput!) { createAccount(account: $x) { id } }";
    let by_skip = "query($x: Int!) { accounts(pagination: { skip: $x }) { id } }";
    let by_id = "query($x: String!) { order(id: $x) { id } }";
    let literal = |value: &str| {
        format!("mutation {{ createAccount(account: {{ name: {value} }}) {{ id }} }}")
    };
    for (document, variables) in [
        (literal("5").as_str(), json!({})),
        (&literal("ADA"), json!({})),
        (&literal("null"), json!({})),
        (&literal("{ a: 1 }"), json!({})),
        (by_name, json!({ "x": 5 })),
        (by_name, json!({ "x": ["a", "b"] })),
        (by_account, json!({ "x": "Ada" })),
        (by_account, json!({ "x": {} })),
        (by_account, json!({ "x": { "name": "Ada", "nope": 1 } })),
        (by_skip, json!({ "x": "1" })),
        (by_skip, json!({ "x": 1.5 })),
        (by_skip, json!({ "x": 2_147_483_648_i64 })),
        (by_id, json!({ "x": 5 })),
        // A required variable that is missing, or null.
        (by_name, json!({})),
        (by_name, json!({ "x": null })),
        (by_account, json!({})),
        (by_id, Value::Null),
    ] {
        let response = node.api.run_with(document, variables.clone()).await;
        let codes = codes(&response);
        let either = ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"];
        assert!(
            codes.iter().all(|code| either.contains(&code.as_str())),
            "{document} with {variables}: {response:?}"
        );
    }
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_operation_has_a_code() {
    let node = TestNode::start().await;
    let two = "query A { accounts { id } } query B { products { id } }";
    for body in [
        json!({ "query": two }),
        json!({ "query": two, "operationName": null }),
        json!({ "query": two, "operationName": "" }),
        json!({ "query": two, "operationName": "C" }),
        json!({ "query": "query A { accounts { id } }", "operationName": "C" }),
        json!({ "query": "{ accounts { id } }", "operationName": "C" }),
    ] {
        let response = node.api.send(node.api.post(), body.to_string()).await;
        require_code(&response, "GRAPHQL_VALIDATION_FAILED");
    }
    let body = json!({ "query": two, "operationName": "B" }).to_string();
    let named = node.api.send(node.api.post(), body).await;
    assert_eq!(named.data(""), json!({ "products": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies_have_a_code() {
    let node = TestNode::start().await;
    for body in [
        "",
        "nope",
        "{",
        "null",
        "5",
        r#""{ accounts { id } }""#,
        "[]",
        r#"[{"query":"{ accounts { id } }"}]"#,
        "{}",
        r#"{"query":null}"#,
        r#"{"query":5}"#,
        r#"{"query":"{ accounts { id } }","variables":"x"}"#,
        r#"{"query":"{ accounts { id } }","variables":[1]}"#,
        r#"{"query":"{ accounts { id } }","operationName":5}"#,
        r#"{"query":"{ accounts { id } }","extensions":5}"#,
        "{\"query\":\"\u{7f}\u{0}\"}",
    ] {
        let response = node.api.send(node.api.post(), body.to_owned()).await;
        require_code(&response, "BAD_REQUEST");
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let invalid_utf8 = b"{\"query\":\"\xff\"}".to_vec();
    let response = node.api.send(node.api.post(), invalid_utf8).await;
    require_code(&response, "BAD_REQUEST");
}

/// A list is no request, whatever it contains.
#[tokio::test(flavor = "multi_thread")]
async fn list_of_requests_is_refused() {
    let node = TestNode::start().await;
    let body = r#"["{ accounts { id } }", null, null, null]"#;
    let response = node.api.send(node.api.post(), body).await;
    require_code(&response, "BAD_REQUEST");
}

async fn send_as(api: &Api, content_type: Option<&str>, accept: &str) -> Response {
    let mut request = api.request(Method::POST, "/graphql").header(ACCEPT, accept);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    api.send(request, r#"{"query":"{ accounts { id } }"}"#)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_content_types_are_refused() {
    let node = TestNode::start().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/graphql"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=iso-8859-1"),
    ] {
        let response = send_as(&node.api, content_type, "*/*").await;
        require_code(&response, "UNSUPPORTED_MEDIA_TYPE");
        assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    for content_type in ["application/json;charset=UTF-8", "Application/JSON"] {
        let response = send_as(&node.api, Some(content_type), "*/*").await;
        assert_eq!(response.data("/accounts"), json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_accept_headers_are_refused() {
    let node = TestNode::start().await;
    for accept in [
        "text/html",
        "application/xml, text/*",
        "application/json;q=0",
    ] {
        let response = send_as(&node.api, Some("application/json"), accept).await;
        require_code(&response, "NOT_ACCEPTABLE");
        assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE, "{accept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_methods_name_the_allowed_ones() {
    let node = TestNode::start().await;
    let mutation =
        "/graphql?query=mutation%7BcreateAccount(account%3A%7Bname%3A%22A%22%7D)%7Bid%7D%7D";
    for (method, path) in [
        (Method::GET, mutation),
        (Method::PUT, "/graphql"),
        (Method::DELETE, "/graphql"),
        (Method::PATCH, "/graphql"),
        (Method::OPTIONS, "/graphql"),
    ] {
        let request = node.api.request(method.clone(), path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let response = node
            .api
            .send(request, r#"{"query":"{ __typename }"}"#)
            .await;
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers[ALLOW], "GET, POST", "{method}");
        require_code(&response, "METHOD_NOT_ALLOWED");
    }
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}
