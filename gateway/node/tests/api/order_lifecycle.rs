//! The lifecycle of an order (requirement A6): created, confirmed, completed, or cancelled before;
//! no other transition.

use fritzy_testbed_shop::{Api, ApiError, Response};
use serde_json::json;

use crate::node::TestNode;

const MOVES: [&str; 3] = ["confirmOrder", "completeOrder", "cancelOrder"];

/// The status after each transition of `MOVES`, by the transitions before; `None` is a refusal.
const LIVES: [(&[&str], [Option<&str>; 3]); 5] = [
    (&[], [Some("CONFIRMED"), None, Some("CANCELLED")]),
    (
        &["confirmOrder"],
        [None, Some("COMPLETED"), Some("CANCELLED")],
    ),
    (&["confirmOrder", "completeOrder"], [None, None, None]),
    (&["cancelOrder"], [None, None, None]),
    (&["confirmOrder", "cancelOrder"], [None, None, None]),
];

async fn move_order(api: &Api, mutation: &str, id: &str) -> Response {
    let document = format!("mutation($id: String!) {{ {mutation}(id: $id) {{ id status }} }}");
    api.run_with(&document, json!({ "id": id })).await
}

async fn read(api: &Api, id: &str) -> Response {
    let document = "query($id: String!) {
        order(id: $id) {
            id accountId createdAt status cancelReason totalPrice totalMoney { amount }
            products { id name description price quantity }
        }
    }";
    api.run_with(document, json!({ "id": id })).await
}

/// A node with an account and a product.
async fn shop() -> (TestNode, String, String) {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    (node, account, product)
}

#[tokio::test(flavor = "multi_thread")]
async fn order_transitions_match_the_documented_table() {
    let (node, account, product) = shop().await;
    for (before, outcomes) in LIVES {
        for (mutation, outcome) in MOVES.into_iter().zip(outcomes) {
            let id = node.api.new_order(&account, &[(&product, 1)]).await;
            for earlier in before {
                move_order(&node.api, earlier, &id).await.data("");
            }
            let old = read(&node.api, &id).await;
            let moved = move_order(&node.api, mutation, &id).await;
            let now = read(&node.api, &id).await;
            match outcome {
                Some(status) => {
                    assert_eq!(moved.text_at(&format!("/{mutation}/id")), id);
                    assert_eq!(moved.text_at(&format!("/{mutation}/status")), status);
                    assert_eq!(now.text_at("/order/status"), status);
                }
                None => {
                    let expected = ApiError::of("ILLEGAL_TRANSITION", "", "");
                    assert_eq!(moved.api_error(), expected, "{before:?}, {mutation}");
                    assert_eq!(now.text, old.text, "{before:?}, {mutation}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_read_as_it_was_placed() {
    let (node, account, product) = shop().await;
    let desk = node.api.new_product("Desk", 250.0).await;
    let id = node
        .api
        .new_order(&account, &[(&desk, 1), (&product, 3)])
        .await;
    let order = read(&node.api, &id).await;
    let created_at = order.text_at("/order/createdAt");
    let expected = json!({ "order": {
        "id": id, "accountId": account, "createdAt": created_at,
        "status": "CREATED", "cancelReason": null,
        "totalPrice": 293.98, "totalMoney": { "amount": "293.98" },
        "products": [
            { "id": desk, "name": "Desk", "description": "Desk, described", "price": 250.0, "quantity": 1 },
            { "id": product, "name": "Lamp", "description": "Lamp, described", "price": 14.66, "quantity": 3 },
        ],
    } });
    assert_eq!(order.data(""), expected);
    let listed = node.api.run("{ accounts { orders { id status } } }").await;
    let expected = json!([{ "orders": [{ "id": id, "status": "CREATED" }] }]);
    assert_eq!(listed.data("/accounts"), expected);
    move_order(&node.api, "confirmOrder", &id).await.data("");
    let listed = node.api.run("{ accounts { orders { id status } } }").await;
    let expected = json!([{ "orders": [{ "id": id, "status": "CONFIRMED" }] }]);
    assert_eq!(
        listed.data("/accounts"),
        expected,
        "lists see the same order"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_order_keeps_its_reason() {
    let (node, account, product) = shop().await;
    let document = "mutation($id: String!, $reason: String) {
        cancelOrder(id: $id, reason: $reason) { status cancelReason totalPrice }
    }";
    for reason in [None, Some(""), Some("too\nlate"), Some(&*"é".repeat(500))] {
        let id = node.api.new_order(&account, &[(&product, 1)]).await;
        let variables = json!({ "id": id, "reason": reason });
        let cancelled = node.api.run_with(document, variables).await;
        let expected =
            json!({ "status": "CANCELLED", "cancelReason": reason, "totalPrice": 14.66 });
        assert_eq!(cancelled.data("/cancelOrder"), expected);
        assert_eq!(
            read(&node.api, &id).await.data("/order/cancelReason"),
            json!(reason)
        );
    }
    let id = node.api.new_order(&account, &[(&product, 1)]).await;
    for (reason, flaw) in [
        ("é".repeat(501), "TOO_LONG"),
        ("\u{0}".into(), "CONTROL_CHARACTER"),
    ] {
        let variables = json!({ "id": id, "reason": reason });
        let refused = node.api.run_with(document, variables).await;
        assert_eq!(refused.api_error(), ApiError::argument("reason", flaw));
    }
    assert_eq!(
        read(&node.api, &id).await.text_at("/order/status"),
        "CREATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_order_is_not_found() {
    let (node, account, product) = shop().await;
    for id in [&account, &product, "0192d3a0-1111-7222-8333-444455556666"] {
        let expected = ApiError::of("ORDER_NOT_FOUND", "id", "");
        assert_eq!(read(&node.api, id).await.api_error(), expected);
        for mutation in MOVES {
            let refused = move_order(&node.api, mutation, id).await;
            assert_eq!(refused.api_error(), expected, "{mutation}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_unchanged_after_a_restart() {
    let (node, account, product) = shop().await;
    let mut orders = Vec::new();
    for (moves, _) in LIVES {
        let id = node.api.new_order(&account, &[(&product, 1)]).await;
        for mutation in moves {
            move_order(&node.api, mutation, &id).await.data("");
        }
        let response = read(&node.api, &id).await.text;
        orders.push((id, response));
    }
    let node = node.restart().await;
    for (id, before) in orders {
        assert_eq!(read(&node.api, &id).await.text, before);
    }
}
