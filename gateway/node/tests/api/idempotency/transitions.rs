//! Idempotency keys of order transitions.

use serde_json::json;

use super::{move_order, status_of};
use crate::node::TestNode;

async fn orders(node: &TestNode, count: usize) -> Vec<String> {
    let product = node.api.new_product("Lamp", 14.66).await;
    let mut orders = Vec::new();
    for n in 0..count {
        let account = node.api.new_account(&format!("Account {n}")).await;
        orders.push(node.api.new_order(&account, &[(&product, 1)]).await);
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_same_key_replays_the_first_response() {
    let node = TestNode::start().await;
    let orders = orders(&node, 1).await;
    let confirmed = move_order(&node.api, "confirmOrder", &orders[0], "k").await;
    assert_eq!(confirmed.text_at("/confirmOrder/status"), "CONFIRMED");
    let again = move_order(&node.api, "confirmOrder", &orders[0], "k").await;
    assert_eq!(again.text, confirmed.text);
    let unkeyed = format!(
        r#"mutation {{ confirmOrder(id: "{}") {{ id }} }}"#,
        orders[0]
    );
    assert_eq!(node.api.run(&unkeyed).await.code(), "ILLEGAL_TRANSITION");
    let other_key = move_order(&node.api, "confirmOrder", &orders[0], "k2").await;
    assert_eq!(other_key.code(), "ILLEGAL_TRANSITION");

    let completed = move_order(&node.api, "completeOrder", &orders[0], "k").await;
    assert_eq!(completed.text_at("/completeOrder/status"), "COMPLETED");
    let again = move_order(&node.api, "confirmOrder", &orders[0], "k").await;
    assert_eq!(
        again.text, confirmed.text,
        "although the order has moved on"
    );
    assert_eq!(status_of(&node.api, &orders[0]).await, "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_key_is_scoped_to_its_order() {
    let node = TestNode::start().await;
    let orders = orders(&node, 6).await;
    for order in &orders {
        let confirmed = move_order(&node.api, "confirmOrder", order, "k").await;
        assert_eq!(confirmed.text_at("/confirmOrder/id"), *order);
        assert_eq!(status_of(&node.api, order).await, "CONFIRMED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_same_key_with_another_reason_is_refused() {
    let node = TestNode::start().await;
    let orders = orders(&node, 1).await;
    let cancel = |reason: Option<&str>| {
        let document = "mutation($id: String!, $reason: String) {
            cancelOrder(id: $id, reason: $reason, idempotencyKey: \"k\") { status cancelReason }
        }";
        let variables = json!({ "id": orders[0], "reason": reason });
        let api = node.api.clone();
        async move { api.run_with(document, variables).await }
    };
    let first = cancel(Some("too late")).await;
    assert_eq!(first.text_at("/cancelOrder/cancelReason"), "too late");
    assert_eq!(cancel(Some("too late")).await.text, first.text);
    for reason in [None, Some(""), Some("too dear")] {
        let refused = cancel(reason).await;
        assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED", "{reason:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_transition_does_not_consume_its_key() {
    let node = TestNode::start().await;
    let orders = orders(&node, 1).await;
    let early = move_order(&node.api, "completeOrder", &orders[0], "k").await;
    assert_eq!(early.code(), "ILLEGAL_TRANSITION");
    move_order(&node.api, "confirmOrder", &orders[0], "k")
        .await
        .data("");
    let completed = move_order(&node.api, "completeOrder", &orders[0], "k").await;
    assert_eq!(completed.text_at("/completeOrder/status"), "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_concurrent_transitions_with_one_key_have_one_effect() {
    let node = TestNode::start().await;
    let orders = orders(&node, 1).await;
    let tries = (0..32).map(|_| {
        let (api, order) = (node.api.clone(), orders[0].clone());
        tokio::spawn(async move { move_order(&api, "confirmOrder", &order, "k").await })
    });
    for one in tries.collect::<Vec<_>>() {
        let response = one.await.expect("no panic");
        assert_eq!(response.text_at("/confirmOrder/status"), "CONFIRMED");
    }
}
