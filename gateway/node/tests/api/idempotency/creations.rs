//! Idempotency keys of creations.

use fritzy_testbed_shop::{ApiError, order};
use serde_json::json;

use super::{CREATE_ORDER, create_account, create_order};
use crate::node::TestNode;

fn reused() -> ApiError {
    ApiError::of("IDEMPOTENCY_KEY_REUSED", "idempotencyKey", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_same_key_and_content_return_the_same_account() {
    let node = TestNode::start().await;
    let first = create_account(&node.api, "Ada", "k1").await;
    assert_eq!(first.text_at("/createAccount/name"), "Ada");
    for _ in 0..3 {
        let again = create_account(&node.api, "Ada", "k1").await;
        assert_eq!(again.text, first.text);
    }
    let other = create_account(&node.api, "Ada", "k2").await;
    assert_ne!(other.text, first.text, "another key is another account");
    let listed = node.api.run("{ accounts { name } }").await;
    let expected = json!([{ "name": "Ada" }, { "name": "Ada" }]);
    assert_eq!(listed.data("/accounts"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_same_key_with_other_content_is_refused() {
    let node = TestNode::start().await;
    create_account(&node.api, "Ada", "k").await.data("");
    let account = node.api.new_account("Bob").await;
    let lamp = node.api.new_product("Lamp", 14.66).await;
    let desk = node.api.new_product("Desk", 250.0).await;
    let first = order(&account, &[(&lamp, 1), (&desk, 1)]);
    create_order(&node.api, &first, "k").await.data("");
    let before = node.api.everything().await;

    for name in ["Bob", "ada", "Ada ", ""] {
        let refused = create_account(&node.api, name, "k").await;
        assert_eq!(refused.api_error(), reused(), "{name:?}");
    }
    for other in [
        order(&account, &[(&lamp, 2), (&desk, 1)]),
        order(&account, &[(&desk, 1), (&lamp, 1)]),
        order(&account, &[(&lamp, 1)]),
        order(&account, &[]),
        order(&account, &[(&lamp, 1), (&desk, 0)]),
        order("no-id", &[(&lamp, 1), (&desk, 1)]),
    ] {
        let refused = create_order(&node.api, &other, "k").await;
        assert_eq!(refused.api_error(), reused(), "{other}");
    }
    assert_eq!(node.api.everything().await, before);
    let again = create_order(&node.api, &first, "k").await;
    assert_eq!(again.data("/createOrder/accountId"), account);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_order_key_is_refused_for_another_account() {
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    // Nearly every pair of accounts is in different shards: a key is unique over all of them.
    let mut accounts = Vec::new();
    for n in 0..8 {
        accounts.push(node.api.new_account(&format!("Account {n}")).await);
    }
    let first = create_order(&node.api, &order(&accounts[0], &[(&product, 1)]), "k").await;
    first.data("");
    let before = node.api.everything().await;
    for other in &accounts[1..] {
        let refused = create_order(&node.api, &order(other, &[(&product, 1)]), "k").await;
        assert_eq!(refused.api_error(), reused());
    }
    assert_eq!(node.api.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_key_is_scoped_to_its_mutation() {
    let node = TestNode::start().await;
    let account = create_account(&node.api, "Ada", "k").await;
    let account = account.text_at("/createAccount/id");
    let products = r#"mutation {
        plain: createProduct(
            product: { name: "Ada", description: "", price: 5 }, idempotencyKey: "k"
        ) { id }
        priced: createPricedProduct(
            product: { name: "Ada", description: "", price: { amount: "5" } }, idempotencyKey: "k"
        ) { id }
    }"#;
    let created = node.api.run(products).await;
    let plain = created.text_at("/plain/id");
    assert_ne!(plain, created.text_at("/priced/id"));
    let placed = create_order(&node.api, &order(&account, &[(&plain, 1)]), "k").await;
    assert_eq!(placed.data("/createOrder/accountId"), account);
    assert_eq!(node.api.run(products).await.text, created.text);
    let listed = node
        .api
        .run("{ accounts { name orders { status } } products { name } }")
        .await;
    let expected = json!({
        "accounts": [{ "name": "Ada", "orders": [{ "status": "CREATED" }] }],
        "products": [{ "name": "Ada" }, { "name": "Ada" }],
    });
    assert_eq!(listed.data(""), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_content_is_compared_as_the_client_sent_it() {
    let node = TestNode::start().await;
    let create = |price: &str| {
        let document = format!(
            r#"mutation {{ createProduct(
                product: {{ name: "P", description: "", price: {price} }}, idempotencyKey: "k"
            ) {{ id price }} }}"#
        );
        let api = node.api.clone();
        async move { api.run(&document).await }
    };
    let first = create("20").await;
    assert_eq!(create("20").await.text, first.text);
    assert_eq!(create("20.0").await.api_error(), reused());
    assert_eq!(create("21").await.api_error(), reused());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_creation_does_not_consume_its_key() {
    let node = TestNode::start().await;
    let refused = create_account(&node.api, "", "k").await;
    assert_eq!(
        refused.api_error(),
        ApiError::argument("account.name", "EMPTY")
    );
    let created = create_account(&node.api, "Ada", "k").await;
    let account = created.text_at("/createAccount/id");

    let product = node.api.new_product("Lamp", 14.66).await;
    let refused = create_order(&node.api, &order(&account, &[(&product, 0)]), "k").await;
    assert_eq!(refused.code(), "INVALID_ARGUMENT");
    let refused = create_order(&node.api, &order(&account, &[(&account, 1)]), "k").await;
    assert_eq!(refused.code(), "PRODUCT_NOT_FOUND");
    let placed = create_order(&node.api, &order(&account, &[(&product, 1)]), "k").await;
    assert_eq!(placed.data("/createOrder/accountId"), account);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_concurrent_creations_with_one_key_have_one_effect() {
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let account = node.api.new_account("Ada").await;
    let variables = json!({ "order": order(&account, &[(&product, 1)]), "key": "k" });
    let tries = (0..32).map(|_| {
        let (api, variables) = (node.api.clone(), variables.clone());
        tokio::spawn(async move { api.run_with(CREATE_ORDER, variables).await })
    });
    let mut responses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        responses.push(one.await.expect("no panic"));
    }
    for response in &responses {
        assert_eq!(response.text, responses[0].text);
    }
    let listed = node.api.run("{ accounts { orders { id } } }").await;
    let id = responses[0].text_at("/createOrder/id");
    let expected = json!([{ "orders": [{ "id": id }] }]);
    assert_eq!(listed.data("/accounts"), expected);
}
