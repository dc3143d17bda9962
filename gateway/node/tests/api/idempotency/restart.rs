//! Keys are remembered as long as the data, also by the next node on it.

use fritzy_testbed_shop::order;
use serde_json::json;

use super::{create_account, create_order, move_order, status_of};
use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn i8_restarted_node_replays_first_responses() {
    let node = TestNode::start().await;
    let account = create_account(&node.api, "Ada", "k").await;
    let account_id = account.text_at("/createAccount/id");
    let product = node.api.new_product("Lamp", 14.66).await;
    let order = order(&account_id, &[(&product, 3)]);
    let placed = create_order(&node.api, &order, "k").await;
    let id = placed.text_at("/createOrder/id");
    assert_eq!(placed.text_at("/createOrder/status"), "CREATED");

    let node = node.restart().await;
    let again = create_order(&node.api, &order, "k").await;
    assert_eq!(again.text, placed.text);
    let confirmed = move_order(&node.api, "confirmOrder", &id, "k").await;
    assert_eq!(confirmed.text_at("/confirmOrder/status"), "CONFIRMED");
    move_order(&node.api, "completeOrder", &id, "k")
        .await
        .data("");

    let node = node.restart().await;
    assert_eq!(status_of(&node.api, &id).await, "COMPLETED");
    let before = node.api.everything().await;
    let again = create_account(&node.api, "Ada", "k").await;
    assert_eq!(again.text, account.text);
    let again = create_order(&node.api, &order, "k").await;
    assert_eq!(
        again.text, placed.text,
        "as it was placed, not as it is now"
    );
    let again = move_order(&node.api, "confirmOrder", &id, "k").await;
    assert_eq!(again.text, confirmed.text, "as it was confirmed");
    assert_eq!(node.api.everything().await, before);

    let other = fritzy_testbed_shop::order(&account_id, &[(&product, 4)]);
    let refused = create_order(&node.api, &other, "k").await;
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED");
    let refused = create_account(&node.api, "Bob", "k").await;
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(node.api.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_restarted_node_remembers_header_keys() {
    let document = r#"mutation {
        left: createAccount(account: { name: "Ada" }) { id }
        right: createAccount(account: { name: "Ada" }) { id }
    }"#;
    let node = TestNode::start().await;
    let first = node.api.run_under_key("k", document, json!({})).await;
    assert_ne!(first.text_at("/left/id"), first.text_at("/right/id"));
    let node = node.restart().await;
    let again = node.api.run_under_key("k", document, json!({})).await;
    assert_eq!(again.text, first.text);
    let listed = node.api.run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts").as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_repeated_restarts_lose_nothing() {
    let mut node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let mut before = node.api.everything().await;
    for round in 0..5 {
        node = node.restart().await;
        assert_eq!(node.api.everything().await, before);
        let account = node.api.new_account(&format!("Account {round}")).await;
        node.api.new_order(&account, &[(&product, 1)]).await;
        before = node.api.everything().await;
    }
}
