//! Invalid idempotency keys.

use fritzy_testbed_shop::ApiError;
use serde_json::json;

use super::FilledShop;

const BY_ARGUMENT: &str = r#"mutation($key: String) {
    createAccount(account: { name: "Bob" }, idempotencyKey: $key) { id }
}"#;
const BY_HEADER: &str = r#"mutation { createAccount(account: { name: "Bob" }) { id } }"#;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_1_to_255_bytes_without_control_characters() {
    let shop = FilledShop::start().await;
    for (key, reason) in [
        (String::new(), "EMPTY"),
        ("k".repeat(256), "TOO_LONG"),
        ("é".repeat(128), "TOO_LONG"),
        ("a\u{0}b".into(), "CONTROL_CHARACTER"),
        ("a\nb".into(), "CONTROL_CHARACTER"),
        ("a\u{85}b".into(), "CONTROL_CHARACTER"),
    ] {
        let expected = ApiError::argument("idempotencyKey", reason);
        shop.require_refused(BY_ARGUMENT, json!({ "key": key }), &expected)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_validates_its_key() {
    let shop = FilledShop::start().await;
    for field in [
        r#"createAccount(account: { name: "B" }, idempotencyKey: "")"#,
        r#"createProduct(product: { name: "P", description: "", price: 1 }, idempotencyKey: "")"#,
        r#"createPricedProduct(
            product: { name: "P", description: "", price: { amount: "1" } }, idempotencyKey: ""
        )"#,
        r#"createOrder(order: { accountId: "", products: [] }, idempotencyKey: "")"#,
        r#"confirmOrder(id: "", idempotencyKey: "")"#,
        r#"completeOrder(id: "", idempotencyKey: "")"#,
        r#"cancelOrder(id: "", idempotencyKey: "")"#,
        r#"renameAccount(id: "", name: "", idempotencyKey: "")"#,
        r#"closeAccount(id: "", idempotencyKey: "")"#,
        r#"updateProduct(id: "", idempotencyKey: "")"#,
        r#"repriceProduct(id: "", price: { amount: "" }, idempotencyKey: "")"#,
        r#"withdrawProduct(id: "", idempotencyKey: "")"#,
        r#"annotateAccount(id: "", idempotencyKey: "")"#,
        r#"annotateProduct(id: "", idempotencyKey: "")"#,
        r#"annotateOrder(id: "", idempotencyKey: "")"#,
    ] {
        let document = format!("mutation {{ {field} {{ id }} }}");
        let expected = ApiError::argument("idempotencyKey", "EMPTY");
        shop.require_refused(&document, json!({ "field": field }), &expected)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_key_has_the_same_limits() {
    let shop = FilledShop::start().await;
    let long = "k".repeat(256);
    for (key, reason) in [
        (&b""[..], "EMPTY"),
        (long.as_bytes(), "TOO_LONG"),
        (b"a\tb", "CONTROL_CHARACTER"),
        ("a\u{85}b".as_bytes(), "CONTROL_CHARACTER"),
    ] {
        let request = shop.node.api.post().header("idempotency-key", key);
        let body = json!({ "query": BY_HEADER }).to_string();
        let response = shop.node.api.send(request, body).await;
        let expected = ApiError::argument("idempotencyKey", reason);
        assert_eq!(response.api_error(), expected, "{key:?}");
        shop.require_unchanged(&json!(reason)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn non_text_key_header_is_a_bad_request() {
    let shop = FilledShop::start().await;
    let request = shop
        .node
        .api
        .post()
        .header("idempotency-key", &b"\xff\xfe"[..]);
    let body = json!({ "query": BY_HEADER }).to_string();
    let response = shop.node.api.send(request, body).await;
    assert_eq!(response.status, 400);
    assert_eq!(response.code(), "BAD_REQUEST");
    shop.require_unchanged(&json!("bytes")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn longest_key_is_accepted() {
    let shop = FilledShop::start().await;
    let key = "k".repeat(255);
    let first = shop
        .node
        .api
        .run_with(BY_ARGUMENT, json!({ "key": key }))
        .await;
    let second = shop
        .node
        .api
        .run_with(BY_ARGUMENT, json!({ "key": key }))
        .await;
    assert_eq!(
        first.text_at("/createAccount/id"),
        second.text_at("/createAccount/id")
    );
}
