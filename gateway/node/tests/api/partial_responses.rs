//! A failing field does not affect others. Every mutation and `order(id)` is nullable, so by the
//! GraphQL specification ("Handling Field Errors") their errors end there: the field is null, and
//! all others are as if nothing had happened.

use hyper::StatusCode;
use hyper::header::ACCEPT;
use serde_json::json;

use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn rejected_mutation_returns_null() {
    let node = TestNode::start().await;
    let document = r#"mutation { createAccount(account: { name: "" }) { id } }"#;
    let response = node.api.run(document).await;
    assert_eq!(response.error()["path"], json!(["createAccount"]));
    assert_eq!(response.json()["data"], json!({ "createAccount": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_mutation_does_not_affect_others_in_the_request() {
    let node = TestNode::start().await;
    let document = r#"mutation {
        first: createAccount(account: { name: "Ada" }) { name }
        second: createAccount(account: { name: "" }) { name }
        third: createAccount(account: { name: "Cy" }) { name }
    }"#;
    let response = node.api.run(document).await;
    assert_eq!(response.error()["path"], json!(["second"]));
    let written = node.api.run("{ accounts { name } }").await;
    let both = json!([{ "name": "Ada" }, { "name": "Cy" }]);
    assert_eq!(
        (&response.json()["data"], written.data("/accounts")),
        (
            &json!({ "first": { "name": "Ada" }, "second": null, "third": { "name": "Cy" } }),
            both
        ),
        "what was written is what was answered"
    );
}

/// The error says that nothing was written; its null would hide the id of what was.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_page_in_a_mutation_is_rejected_before_it() {
    let node = TestNode::start().await;
    let bob = node.api.new_account("Bob").await;
    let lamp = node.api.new_product("Lamp", 1.0).await;
    let order = format!(
        "createOrder(order: {{ accountId: \"{bob}\", products: [{{ productId: \"{lamp}\", quantity: 1 }}] }})"
    );
    for (page, field) in [
        ("orders(pagination: { take: -1 })", "pagination.take"),
        ("orders(pagination: { take: $n })", "pagination.take"),
        ("ordersConnection(after: \"junk\")", "after"),
        ("ordersConnection(first: 1, last: 1)", "last"),
    ] {
        let inside = match page.starts_with("ordersC") {
            true => format!("{page} {{ totalCount }}"),
            false => format!("{page} {{ id }}"),
        };
        for mutation in [
            format!("createAccount(account: {{ name: \"Ada\" }}) {{ id {inside} }}"),
            format!("renameAccount(id: \"{bob}\", name: \"Ada\") {{ id {inside} }}"),
            format!("{order} {{ id account {{ id {inside} }} }}"),
        ] {
            let document = match page.contains("$n") {
                true => format!("mutation($n: Int) {{ {mutation} }}"),
                false => format!("mutation {{ {mutation} }}"),
            };
            let response = node.api.run_with(&document, json!({ "n": 5_000 })).await;
            assert_eq!(
                response.code(),
                "INVALID_ARGUMENT",
                "{document}: {response:?}"
            );
            assert_eq!(response.error()["extensions"]["field"], field, "{document}");
        }
    }
    let written = node.api.run("{ accounts { name orders { id } } }").await;
    assert_eq!(
        written.data("/accounts"),
        json!([{ "name": "Bob", "orders": [] }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_order_does_not_affect_others_in_the_request() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    let document = r#"{ accounts { name } order(id: "no-id") { id } }"#;
    let request = node.api.post();
    let body = json!({ "query": document }).to_string();
    let response = node.api.send(request, body.clone()).await;
    assert_eq!(response.error()["path"], json!(["order"]));
    let expected = json!({ "accounts": [{ "name": "Ada" }], "order": null });
    assert_eq!(response.json()["data"], expected);

    let mut request = node.api.post();
    let headers = request.headers_mut().expect("sound headers");
    let media_type = "application/graphql-response+json"
        .parse()
        .expect("a value");
    headers.insert(ACCEPT, media_type);
    let response = node.api.send(request, body).await;
    assert_eq!(response.status, StatusCode::OK, "something was executed");
    assert_eq!(response.json()["data"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn error_in_a_non_null_field_nulls_the_data() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    let document = "{ accounts { orders(pagination: { take: -1 }) { id } } }";
    let response = node.api.run(document).await;
    assert_eq!(response.error()["path"], json!(["accounts", 0, "orders"]));
    let json = response.json();
    assert!(json["data"].is_null() && json.get("data").is_some());
}

/// Fields with the same name and content are one field, by GraphQL's rules for merging selections.
#[tokio::test(flavor = "multi_thread")]
async fn mutation_repeated_under_one_name_has_one_effect() {
    for document in [
        r#"mutation {
            createAccount(account: { name: "Ada" }) { id }
            createAccount(account: { name: "Ada" }) { name }
        }"#,
        r#"mutation Named {
            createAccount(account: { name: "Ada" }) { id }
            ...Again
        }
        fragment Again on Mutation { createAccount(account: { name: "Ada" }) { name } }"#,
    ] {
        let node = TestNode::start().await;
        let response = node.api.run(document).await;
        let id = response.text_at("/createAccount/id");
        assert_eq!(response.text_at("/createAccount/name"), "Ada");
        let written = node.api.run("{ accounts { id } }").await;
        assert_eq!(written.data("/accounts"), json!([{ "id": id }]));
    }
}
