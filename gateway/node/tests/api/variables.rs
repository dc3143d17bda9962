//! Variables are coerced before anything is executed, by the rules of GraphQL ("Coercing Variable
//! Values"): defaults replace missing ones, and a mismatch refuses the whole request.

use fritzy_testbed_shop::{Api, Response};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::node::TestNode;

async fn run(api: &Api, document: &str, variables: &Value) -> Response {
    let request = api
        .request(Method::POST, "/graphql")
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/graphql-response+json");
    let body = json!({ "query": document, "variables": variables });
    api.send(request, body.to_string()).await
}

/// Refused before execution, by its code, its status, and the absence of data.
fn require_refused_request(response: &Response, sent: &str) {
    let code = response.code();
    assert!(
        ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&code.as_str()),
        "{sent}: {response:?}"
    );
    assert_eq!(
        response.status,
        StatusCode::BAD_REQUEST,
        "{sent}: {response:?}"
    );
    assert!(
        response.json().get("data").is_none(),
        "{sent}: {response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mismatched_variables_refuse_the_request() {
    let node = TestNode::start().await;
    let by_name = "mutation($x: String!) { createAccount(account: { name: $x }) { id } }";
    let by_account = "mutation($x: AccountInput!) { createAccount(account: $x) { id } }";
    let by_skip = "query($x: Int) { accounts(pagination: { skip: $x }) { id } }";
    for (document, x) in [
        (by_name, json!(5)),
        (by_name, json!(["Ada", "Bob"])),
        (by_account, json!("Ada")),
        (by_account, json!({})),
        (by_account, json!({ "name": "Ada", "nope": 1 })),
        (by_skip, json!("1")),
        (by_skip, json!(1.5)),
        (by_skip, json!(2_147_483_648_i64)),
    ] {
        let response = run(&node.api, document, &json!({ "x": x })).await;
        require_refused_request(&response, &format!("{document} with {x}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_required_variable_refuses_the_request() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    for document in [
        "mutation($x: String!) { createAccount(account: { name: $x }) { id } }",
        "mutation($x: AccountInput!) { createAccount(account: $x) { id } }",
        "query($x: String!) { order(id: $x) { id } }",
        // For a nullable argument, a mistake of the client would otherwise read a whole list.
        "query($x: String!) { accounts(id: $x) { id } }",
        "query($x: Int!) { accounts(pagination: { skip: $x }) { id } }",
        "query Named($x: Int!) { accounts(pagination: { skip: $x }) { id } }",
        "query($x: PaginationInput!) { accounts(pagination: $x) { id } }",
    ] {
        for variables in [json!({}), json!({ "x": null })] {
            let response = run(&node.api, document, &variables).await;
            require_refused_request(&response, document);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_variable_takes_its_default() {
    let node = TestNode::start().await;
    for name in ["Ada", "Bob"] {
        node.api.new_account(name).await;
    }
    let document = "query($skip: Int = 1, $page: PaginationInput = { take: 1 }) {
        skipped: accounts(pagination: { skip: $skip }) { name }
        paged: accounts(pagination: $page) { name }
    }";
    let (ada, bob) = (json!({ "name": "Ada" }), json!({ "name": "Bob" }));
    let by_default = run(&node.api, document, &json!({})).await;
    assert_eq!(
        by_default.data(""),
        json!({ "skipped": [bob], "paged": [ada] })
    );
    let given = run(
        &node.api,
        document,
        &json!({ "skip": 0, "page": { "skip": 1 } }),
    )
    .await;
    assert_eq!(
        given.data(""),
        json!({ "skipped": [ada, bob], "paged": [bob] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn default_value_controls_include_and_skip() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    let anonymous = "query($yes: Boolean = true, $no: Boolean! = false) {
        accounts {
            name
            included: id @include(if: $yes)
            excluded: id @include(if: $no)
            skipped: id @skip(if: $yes)
            kept: id @skip(if: $no)
        }
    }";
    let named = anonymous.replace("query(", "query Named(");
    let keys = |response: &Response| {
        let account = response.data("/accounts/0");
        let keys = account.as_object().expect("an object").keys();
        keys.cloned().collect::<Vec<_>>().join(" ")
    };
    for document in [anonymous, &named] {
        let given = run(&node.api, document, &json!({ "yes": true, "no": false })).await;
        assert_eq!(keys(&given), "included kept name");
        let turned = run(&node.api, document, &json!({ "yes": false, "no": true })).await;
        assert_eq!(keys(&turned), "excluded name skipped");
        let by_default = run(&node.api, document, &json!({})).await;
        assert_eq!(keys(&by_default), "included kept name");
    }
}

/// Variables are coerced before execution, in GraphQL's order.
#[tokio::test(flavor = "multi_thread")]
async fn request_with_mismatched_variables_writes_nothing() {
    let node = TestNode::start().await;
    let late_name = r#"mutation($name: String!) {
        first: createAccount(account: { name: "Ada" }) { id }
        second: createAccount(account: { name: $name }) { id }
    }"#;
    let late_quantity = r#"mutation($quantity: Int!) {
        first: createAccount(account: { name: "Ada" }) { id }
        second: createOrder(order: {
            accountId: "", products: [{ productId: "", quantity: $quantity }]
        }) { id }
    }"#;
    for (document, variables) in [
        (late_name, json!({})),
        (late_name, json!({ "name": null })),
        (late_name, json!({ "name": 5 })),
        (late_quantity, json!({ "quantity": 2_147_483_648_i64 })),
        (late_quantity, json!({ "quantity": "2" })),
    ] {
        let refused = node.api.run_with(document, variables.clone()).await;
        assert!(!refused.code().is_empty());
        let written = node.api.run("{ accounts { name } }").await;
        assert_eq!(
            written.data("/accounts"),
            json!([]),
            "written by {variables}"
        );
    }
}
