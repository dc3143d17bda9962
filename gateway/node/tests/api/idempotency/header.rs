//! The idempotency key of a whole request, in its header.

use serde_json::{Value, json};

use super::create_account;
use crate::node::TestNode;

const CREATE: &str = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;

const CREATE_TWO: &str = r#"mutation {
    left: createAccount(account: { name: "Ada" }) { id }
    right: createAccount(account: { name: "Ada" }) { id }
}"#;

async fn count_accounts(node: &TestNode) -> usize {
    let listed = node.api.run("{ accounts { id } }").await.data("/accounts");
    listed.as_array().expect("a list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_repeated_request_with_header_key_has_one_effect() {
    let node = TestNode::start().await;
    let first = node.api.run_under_key("k", CREATE, json!({})).await;
    let again = node.api.run_under_key("k", CREATE, json!({})).await;
    assert_eq!(
        first.text_at("/createAccount/id"),
        again.text_at("/createAccount/id")
    );
    let other = CREATE.replace("Ada", "Bob");
    let refused = node.api.run_under_key("k", &other, json!({})).await;
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED");
    let without = node.api.run(CREATE).await;
    assert_ne!(first.text, without.text, "without a key, each is its own");
    assert_eq!(count_accounts(&node).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_mutations_of_one_request_have_separate_keys() {
    let node = TestNode::start().await;
    let first = node.api.run_under_key("k", CREATE_TWO, json!({})).await;
    assert_ne!(first.text_at("/left/id"), first.text_at("/right/id"));
    let again = node.api.run_under_key("k", CREATE_TWO, json!({})).await;
    assert_eq!(again.text, first.text);
    assert_eq!(count_accounts(&node).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_argument_overrides_the_header() {
    let node = TestNode::start().await;
    let document = "mutation($key: String) {
        createAccount(account: { name: \"Ada\" }, idempotencyKey: $key) { id }
    }";
    let both = node
        .api
        .run_under_key("header", document, json!({ "key": "argument" }))
        .await
        .text_at("/createAccount/id");
    let by_argument = create_account(&node.api, "Ada", "argument").await;
    assert_eq!(by_argument.text_at("/createAccount/id"), both);
    let other_header = node
        .api
        .run_under_key("other", document, json!({ "key": "argument" }))
        .await;
    assert_eq!(other_header.text_at("/createAccount/id"), both);
    let by_header = node
        .api
        .run_under_key("header", document, json!({ "key": Value::Null }))
        .await;
    assert_ne!(by_header.text_at("/createAccount/id"), both);
    assert_eq!(count_accounts(&node).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_mutations_may_have_its_own_key() {
    let node = TestNode::start().await;
    let document = r#"mutation {
        own: createAccount(account: { name: "Ada" }, idempotencyKey: "k") { id }
        requests: createAccount(account: { name: "Ada" }) { id }
    }"#;
    let first = node.api.run_under_key("k", document, json!({})).await;
    assert_ne!(first.text_at("/own/id"), first.text_at("/requests/id"));
    let again = node.api.run_under_key("k", document, json!({})).await;
    assert_eq!(again.text, first.text);
    let alone = create_account(&node.api, "Ada", "k").await;
    assert_eq!(alone.text_at("/createAccount/id"), first.text_at("/own/id"));
    assert_eq!(count_accounts(&node).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_repeated_purchase_has_one_effect() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let document = "mutation($order: OrderInput!) {
        first: createOrder(order: $order) { id totalPrice }
        second: createOrder(order: $order) { id totalPrice }
        createAccount(account: { name: \"Bob\" }) { id }
    }";
    let order = fritzy_testbed_shop::order(&account, &[(&product, 1)]);
    let variables = json!({ "order": order });
    let first = node
        .api
        .run_under_key("k", document, variables.clone())
        .await;
    assert_ne!(first.text_at("/first/id"), first.text_at("/second/id"));
    let before = node.api.everything().await;
    let again = node.api.run_under_key("k", document, variables).await;
    assert_eq!(again.text, first.text);
    assert_eq!(node.api.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn header_key_on_a_query_is_ignored() {
    let node = TestNode::start().await;
    let document = "{ accounts { id } }";
    let before = node.api.run_under_key("k", document, json!({})).await;
    assert_eq!(before.data("/accounts"), json!([]));
    node.api.new_account("Ada").await;
    let after = node.api.run_under_key("k", document, json!({})).await;
    assert_eq!(after.data("/accounts").as_array().map(Vec::len), Some(1));
}
