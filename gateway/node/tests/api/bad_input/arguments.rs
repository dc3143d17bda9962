//! Arguments that are contradictory, empty, or of another field.

use fritzy_testbed_shop::ApiError;
use hyper::StatusCode;
use hyper::header::ACCEPT;
use serde_json::{Value, json};

use super::FilledShop;

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_input_field_is_a_parse_error() {
    let shop = FilledShop::start().await;
    for document in [
        r#"mutation { createAccount(account: { name: "Eve", name: "Bob" }) { id } }"#,
        r#"mutation($a: AccountInput! = { name: "Eve" name: "Eve" }) { createAccount(account: $a) { id } }"#,
        r#"mutation { createOrder(order: { accountId: "", products: [{ quantity: 1, productId: "", quantity: 2 }] }) { id } }"#,
        "{ accounts(pagination: { take: 1, skip: 0, take: 2 }) { id } }",
    ] {
        let request = shop.node.api.post();
        let request = request.header(ACCEPT, "application/graphql-response+json");
        let body = json!({ "query": document }).to_string();
        let response = shop.node.api.send(request, body).await;
        assert_eq!(response.code(), "GRAPHQL_VALIDATION_FAILED", "{document}");
        assert!(
            response.json().get("data").is_none(),
            "{document}: {response:?}"
        );
        assert!(
            response.error()["locations"][0]["line"].is_u64(),
            "{document}"
        );
        let message = response.error()["message"].to_string();
        assert!(message.contains("only one input field"), "{message}");
        shop.require_unchanged(&json!(document)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_response_names_are_a_validation_error() {
    let shop = FilledShop::start().await;
    for document in [
        "{ accounts(pagination: { take: 1 }) { id } ...F } fragment F on Query { accounts { id } }",
        "{ accounts { ...F orders(pagination: { take: 2 }) { id } } }
         fragment F on Account { orders(pagination: { take: 1 }) { id } }",
        r#"mutation { createAccount(account: { name: "Eve" }) { id } ...F }
           fragment F on Mutation { createAccount(account: { name: "Bob" }) { id } }"#,
    ] {
        let request = shop.node.api.post();
        let request = request.header(ACCEPT, "application/graphql-response+json");
        let body = json!({ "query": document }).to_string();
        let response = shop.node.api.send(request, body).await;
        assert_eq!(response.code(), "GRAPHQL_VALIDATION_FAILED", "{document}");
        assert!(response.json().get("data").is_none(), "{response:?}");
        shop.require_unchanged(&json!(document)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expected_version_is_an_int_from_0() {
    let shop = FilledShop::start().await;
    let id = &shop.account;
    let rename = |version: &str| {
        format!(
            r#"mutation {{ renameAccount(id: "{id}", name: "Bea", expectedVersion: {version}) {{ id }} }}"#
        )
    };
    let expected = ApiError::argument("expectedVersion", "OUT_OF_RANGE");
    for version in ["-1", "-2147483648"] {
        let document = rename(version);
        shop.require_refused(&document, json!({}), &expected).await;
        let response = shop.node.api.run(&document).await;
        let json = response.json();
        assert_eq!(
            json["data"],
            json!({ "renameAccount": null }),
            "{response:?}"
        );
        assert_eq!(json["errors"][0]["path"], json!(["renameAccount"]));
    }
    for version in [
        "2147483648",
        "9007199254740993",
        "-2147483649",
        "1.0",
        "\"1\"",
    ] {
        let response = shop.node.api.run(&rename(version)).await;
        let code = response.code();
        assert!(
            ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&code.as_str()),
            "{version}: {response:?}"
        );
        shop.require_unchanged(&json!(version)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_another_list_names_its_field() {
    let shop = FilledShop::start().await;
    let document = "{
        accountsConnection { edges { cursor } }
        productsConnection { edges { cursor } }
        accounts { ordersConnection { edges { cursor } } }
    }";
    let all = shop.node.api.run(document).await.data("");
    let cursors = [
        "/accountsConnection",
        "/productsConnection",
        "/accounts/0/ordersConnection",
    ]
    .map(|list| all.pointer(&format!("{list}/edges/0/cursor")).cloned());
    let lists = [
        "query($c: String) { list: accountsConnection(after: $c) { edges { cursor } } }",
        "query($c: String) { list: productsConnection(after: $c) { edges { cursor } } }",
        "query($c: String) { accounts { list: ordersConnection(after: $c) { edges { cursor } } } }",
    ];
    for (of, cursor) in cursors.iter().enumerate() {
        let variables = json!({ "c": cursor.as_ref().expect("a cursor") });
        for (to, list) in lists.iter().enumerate() {
            for (list, field) in [
                ((*list).to_owned(), "after"),
                (list.replace("after", "before"), "before"),
            ] {
                if of == to {
                    let response = shop.node.api.run_with(&list, variables.clone()).await;
                    assert!(response.json().get("errors").is_none(), "{response:?}");
                } else {
                    let expected = ApiError::argument(field, "NOT_A_CURSOR");
                    shop.require_refused(&list, variables.clone(), &expected)
                        .await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_key_headers_are_a_bad_request() {
    let shop = FilledShop::start().await;
    let document = r#"mutation { createAccount(account: { name: "Bob" }) { id } }"#;
    for second in ["k1", "k2", ""] {
        let request = shop.node.api.post();
        let request = request.header("idempotency-key", "k1");
        let request = request.header("idempotency-key", second);
        let body = json!({ "query": document }).to_string();
        let response = shop.node.api.send(request, body).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{response:?}");
        assert_eq!(response.code(), "BAD_REQUEST");
        assert!(
            response.error()["message"]
                .to_string()
                .contains("idempotency-key")
        );
        shop.require_unchanged(&json!(second)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn update_without_changes_is_refused() {
    let shop = FilledShop::start().await;
    let id = &shop.product;
    for arguments in ["", ", name: null", ", description: null, name: null"] {
        let document = format!(r#"mutation {{ updateProduct(id: "{id}"{arguments}) {{ id }} }}"#);
        let expected = ApiError::argument("name", "NOTHING_TO_CHANGE");
        shop.require_refused(&document, json!({}), &expected).await;
        let response = shop.node.api.run(&document).await;
        let message = response.error()["message"].to_string();
        assert!(
            message.contains("name") && message.contains("description"),
            "{message}"
        );
        assert_eq!(
            response.json()["data"],
            json!({ "updateProduct": Value::Null })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_key_error_reports_bytes() {
    let shop = FilledShop::start().await;
    let document = "mutation($key: String) {
        createAccount(account: { name: \"Bob\" }, idempotencyKey: $key) { id } }";
    let variables = json!({ "key": "é".repeat(128) });
    let response = shop.node.api.run_with(document, variables).await;
    let message = response.error()["message"].to_string();
    assert!(message.contains("255 bytes"), "{message}");
}
