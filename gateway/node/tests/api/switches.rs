//! What operators switch off: introspection, the page.

use fritzy_node::Switch;
use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::node::{PAGE_FILE, TestNode};

#[tokio::test(flavor = "multi_thread")]
async fn schema_is_not_served_without_introspection() {
    let node = TestNode::start_with(|settings| settings.front.introspection = Switch::Off).await;
    for document in [
        "{ __schema { queryType { name } } }",
        "{ a: __schema { types { name } } accounts { id } }",
        r#"{ accounts { id } products { id } a: __type(name: "Account") { name } }"#,
        r#"{ __type(name: "Account") { name } }"#,
        "{ _service { sdl } }",
        "{ ...F } fragment F on Query { ... on Query { __schema { types { name } } } }",
        r#"query($yes: Boolean = true) { b: __type(name: "Account") @include(if: $yes) { name } }"#,
        "mutation M { __typename } query Q { __schema { types { name } } }",
    ] {
        let body =
            json!({ "query": document, "operationName": document.contains("Q {").then_some("Q") });
        let response = node.api.send(node.api.post(), body.to_string()).await;
        assert_eq!(response.code(), "INTROSPECTION_DISABLED", "{document}");
        // Names what the document has.
        let message = response.error()["message"].to_string();
        for field in ["__schema", "__type", "_service"] {
            let is_selected =
                document.contains(&format!("{field} ")) || document.contains(&format!("{field}("));
            assert_eq!(
                message.contains(&format!("{field} ")),
                is_selected,
                "{message}"
            );
        }
        assert!(response.json().get("data").is_none(), "{response:?}");
    }
    let document = "{ __typename accounts { __typename id } }";
    assert_eq!(node.api.run(document).await.data("/__typename"), "Query");
    let skipped = "{ accounts { id } __schema @skip(if: true) { types { name } } }";
    assert_eq!(node.api.run(skipped).await.data("/accounts"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_suggest_no_names_without_introspection() {
    let documents = [
        "{ account { id } }",
        "{ accounts { nam } }",
        "{ accounts(idd: 1) { id } }",
        r#"mutation { createAccount(account: { nam: "x" }) { id } }"#,
        "query($o: OrderStatsu) { accounts { id } }",
    ];
    let suggestions = async |switch| {
        let node = TestNode::start_with(|settings| settings.front.introspection = switch).await;
        let mut suggestions = 0;
        for document in documents {
            let response = node.api.run(document).await;
            assert!(response.text.contains("GRAPHQL_VALIDATION_FAILED"));
            suggestions += response.text.matches("Did you mean").count();
            assert!(!response.text.contains(".."), "{}", response.text);
        }
        let variable = json!({ "account": { "nam": "Ada" } });
        let document = "mutation($account: AccountInput!) {
            createAccount(account: $account) { id } }";
        let response = node.api.run_with(document, variable).await;
        let message = response.error()["message"].to_string();
        assert!(
            !message.contains("..") && !message.contains("?."),
            "{message}"
        );
        suggestions + response.text.matches("Did you mean").count()
    };
    assert!(suggestions(Switch::On).await >= 3);
    assert_eq!(suggestions(Switch::Off).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_not_served_without_explorer() {
    let with_page = TestNode::start().await;
    let node = TestNode::start_with(|settings| settings.front.explorer = Switch::Off).await;
    for path in ["/", PAGE_FILE] {
        for (node, expected) in [(&with_page, StatusCode::OK), (&node, StatusCode::NOT_FOUND)] {
            let request = node.api.request(Method::GET, path);
            let response = node.api.send(request, "").await;
            assert_eq!(response.status, expected, "{path}");
        }
    }
    let elsewhere = node
        .api
        .send(node.api.request(Method::GET, "/nothing"), "")
        .await;
    assert_eq!(elsewhere.text, "Not found. The API is at /graphql.\n");
    let visit = node.api.request(Method::GET, "/graphql");
    let visit = visit.header(ACCEPT, "text/html,*/*;q=0.8");
    let response = node.api.send(visit, "").await;
    assert_eq!(response.code(), "BAD_REQUEST", "there is no page to go to");
    for path in ["/healthz/live", "/metrics"] {
        let response = node.api.send(node.api.request(Method::GET, path), "").await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
    }
}
