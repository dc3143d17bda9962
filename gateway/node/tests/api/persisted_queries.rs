//! Automatic persisted queries, by the protocol of Apollo's clients: a document is sent once with
//! its hash, and then by its hash alone.

use fritzy_testbed_shop::{Api, Response};
use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::node::TestNode;

const TEXT: &str = "query A($take: Int) { accounts(pagination: { take: $take }) { name } }";

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn extension(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

async fn send(api: &Api, body: Value) -> Response {
    api.send(api.post(), body.to_string()).await
}

async fn by_hash(api: &Api, text: &str) -> Response {
    send(api, json!({ "extensions": extension(&hash(text)) })).await
}

async fn with_hash(api: &Api, text: &str) -> Response {
    let body = json!({ "query": text, "extensions": extension(&hash(text)) });
    send(api, body).await
}

fn require_not_found(response: &Response) {
    // Apollo's link compares the message, other clients the code; some read only status 200.
    assert_eq!(response.status, StatusCode::OK, "{response:?}");
    assert_eq!(response.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(response.error()["message"], "PersistedQueryNotFound");
    assert!(response.json().get("data").is_none(), "{response:?}");
    assert_eq!(response.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn document_is_executed_by_its_hash_once_registered() {
    let node = TestNode::start().await;
    for name in ["Ada", "Bob"] {
        node.api.new_account(name).await;
    }
    require_not_found(&by_hash(&node.api, TEXT).await);
    let both = json!([{ "name": "Ada" }, { "name": "Bob" }]);
    let registered = with_hash(&node.api, TEXT).await;
    assert_eq!(registered.data("/accounts"), both);
    // From every thread of the node, with variables of its own each time.
    for take in [0, 1, 2, 1, 2, 0, 2, 1] {
        let body = json!({ "extensions": extension(&hash(TEXT)), "variables": { "take": take } });
        let accounts = send(&node.api, body).await.data("/accounts");
        assert_eq!(accounts.as_array().map(Vec::len), Some(take));
    }
    let empty = json!({ "query": "", "extensions": extension(&hash(TEXT).to_uppercase()) });
    assert_eq!(send(&node.api, empty).await.data("/accounts"), both);
}

#[tokio::test(flavor = "multi_thread")]
async fn persisted_query_is_executed_by_get() {
    let node = TestNode::start().await;
    let get = async |parameters: &[(&str, &str)]| {
        let query = serde_urlencoded::to_string(parameters).expect("pairs of texts");
        let request = node
            .api
            .request(Method::GET, &format!("/graphql?{query}"))
            .header(ACCEPT, "application/graphql-response+json");
        node.api.send(request, "").await
    };
    let extensions = extension(&hash(TEXT)).to_string();
    require_not_found(&get(&[("extensions", &extensions)]).await);
    let both = [("query", TEXT), ("extensions", &extensions)];
    assert_eq!(get(&both).await.data("/accounts"), json!([]));
    let response = get(&[("extensions", &extensions)]).await;
    assert_eq!(response.data("/accounts"), json!([]));
    let mutation = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    assert!(
        with_hash(&node.api, mutation)
            .await
            .data("/createAccount/id")
            .is_string()
    );
    let extensions = extension(&hash(mutation)).to_string();
    let refused = get(&[("extensions", &extensions)]).await;
    assert_eq!(refused.code(), "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn hash_of_another_text_is_refused_and_not_registered() {
    let node = TestNode::start().await;
    with_hash(&node.api, TEXT).await.data("/accounts");
    let other = "{ products { id } }";
    for wrong in [hash(TEXT), hash(""), "abc".into(), String::new()] {
        let body = json!({ "query": other, "extensions": extension(&wrong) });
        let response = send(&node.api, body).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{response:?}");
        assert_eq!(response.code(), "BAD_REQUEST");
    }
    require_not_found(&by_hash(&node.api, other).await);
    let first = by_hash(&node.api, TEXT).await;
    assert_eq!(first.data("/accounts"), json!([]), "it keeps its document");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_document_is_not_registered() {
    let node = TestNode::start().await;
    for (text, code) in [
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ] {
        assert_eq!(with_hash(&node.api, text).await.code(), code);
        require_not_found(&by_hash(&node.api, text).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_persisted_query_is_refused() {
    let node = TestNode::start().await;
    let hash = hash(TEXT);
    for version in [json!(0), json!(2), json!("1"), json!(null), json!(1.5)] {
        let extension = json!({ "version": version, "sha256Hash": hash });
        let body = json!({ "query": TEXT, "extensions": { "persistedQuery": extension } });
        let response = send(&node.api, body).await;
        assert_eq!(response.code(), "PERSISTED_QUERY_NOT_SUPPORTED");
        let message = &response.error()["message"];
        assert_eq!(message, "PersistedQueryNotSupported");
    }
    for extension in [
        json!("x"),
        json!([]),
        json!({ "sha256Hash": hash }),
        json!({ "version": 1 }),
        json!({ "version": 1, "sha256Hash": 7 }),
    ] {
        let body = json!({ "query": TEXT, "extensions": { "persistedQuery": extension } });
        assert_eq!(send(&node.api, body).await.code(), "BAD_REQUEST");
    }
    let none = json!({ "query": TEXT, "extensions": { "persistedQuery": null } });
    assert_eq!(send(&node.api, none).await.data("/accounts"), json!([]));
    for nothing in [json!({}), json!({ "query": null }), json!({ "query": 1 })] {
        assert_eq!(send(&node.api, nothing).await.code(), "BAD_REQUEST");
    }
}

/// Clients that fill the memory of a node only push each other's documents out.
#[tokio::test(flavor = "multi_thread")]
async fn registered_documents_do_not_fill_the_memory() {
    let node = TestNode::start().await;
    let long = |number: usize| format!("{{ accounts {{ id }} }} # {number} {}", "x".repeat(65_000));
    with_hash(&node.api, TEXT).await.data("/accounts");
    for number in 0..300 {
        with_hash(&node.api, &long(number)).await.data("/accounts");
    }
    require_not_found(&by_hash(&node.api, TEXT).await);
    require_not_found(&by_hash(&node.api, &long(0)).await);
    by_hash(&node.api, &long(299)).await.data("/accounts");
    let too_long = long(300) + &"x".repeat(1_000);
    with_hash(&node.api, &too_long).await.data("/accounts");
    require_not_found(&by_hash(&node.api, &too_long).await);
}
