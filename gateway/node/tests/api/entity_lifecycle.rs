//! Changes and ends of accounts and products (A9).

use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn account_is_renamed_and_closed() {
    let node = TestNode::start().await;
    let id = node.api.new_account("Ada").await;
    let product = node.api.new_product("Pen", 2.5).await;
    let rename = format!(
        r#"mutation {{ renameAccount(id: "{id}", name: "Bea", expectedVersion: 1) {{ name version closed }} }}"#
    );
    let renamed = node.api.run(&rename).await.data("/renameAccount");
    assert_eq!(
        renamed,
        serde_json::json!({ "name": "Bea", "version": 2, "closed": false })
    );
    let again = node.api.run(&rename).await;
    assert_eq!(again.code(), "VERSION_MISMATCH");
    assert_eq!(again.error()["extensions"]["field"], "expectedVersion");
    let close = format!(r#"mutation {{ closeAccount(id: "{id}") {{ closed version }} }}"#);
    assert_eq!(node.api.run(&close).await.data("/closeAccount/version"), 3);
    assert_eq!(node.api.run(&close).await.code(), "ACCOUNT_CLOSED");
    let order = format!(
        r#"mutation {{ createOrder(order: {{ accountId: "{id}", products: [{{ productId: "{product}", quantity: 1 }}] }}) {{ id }} }}"#
    );
    let refused = node.api.run(&order).await;
    assert_eq!(refused.code(), "ACCOUNT_CLOSED");
    assert_eq!(refused.error()["extensions"]["field"], "order.accountId");
}

#[tokio::test(flavor = "multi_thread")]
async fn product_is_updated_repriced_and_withdrawn() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let id = node.api.new_product("Pen", 2.5).await;
    let update = format!(
        r#"mutation {{ updateProduct(id: "{id}", description: "blue") {{ name description version }} }}"#
    );
    let updated = node.api.run(&update).await.data("/updateProduct");
    assert_eq!(
        updated,
        serde_json::json!({ "name": "Pen", "description": "blue", "version": 2 })
    );
    let nothing = format!(r#"mutation {{ updateProduct(id: "{id}") {{ id }} }}"#);
    assert_eq!(node.api.run(&nothing).await.code(), "INVALID_ARGUMENT");
    let reprice = format!(
        r#"mutation {{ repriceProduct(id: "{id}", price: {{ amount: "3.10" }}, idempotencyKey: "r") {{ priceMoney {{ amount }} version }} }}"#
    );
    let repriced = node.api.run(&reprice).await;
    assert_eq!(repriced.data("/repriceProduct/priceMoney/amount"), "3.10");
    let bad = format!(
        r#"mutation {{ repriceProduct(id: "{id}", price: {{ amount: "3.101" }}) {{ id }} }}"#
    );
    assert_eq!(
        node.api.run(&bad).await.error()["extensions"]["field"],
        "price.amount"
    );
    let order = format!(
        r#"mutation {{ createOrder(order: {{ accountId: "{account}", products: [{{ productId: "{id}", quantity: 2 }}] }}) {{ totalPrice }} }}"#
    );
    assert_eq!(
        node.api.run(&order).await.data("/createOrder/totalPrice"),
        6.2
    );
    let withdraw = format!(r#"mutation {{ withdrawProduct(id: "{id}") {{ withdrawn }} }}"#);
    assert_eq!(
        node.api
            .run(&withdraw)
            .await
            .data("/withdrawProduct/withdrawn"),
        true
    );
    let refused = node.api.run(&order).await;
    assert_eq!(refused.code(), "PRODUCT_WITHDRAWN");
    assert_eq!(
        refused.error()["extensions"]["field"],
        "order.products[0].productId"
    );
    // Lists do not contain it any more; its id and its key still work.
    assert_eq!(
        node.api.run("{ products { id } }").await.data("/products"),
        serde_json::json!([])
    );
    let by_id = format!(r#"{{ products(id: "{id}") {{ withdrawn }} }}"#);
    assert_eq!(
        node.api.run(&by_id).await.data("/products/0/withdrawn"),
        true
    );
    assert_eq!(node.api.run(&reprice).await.json(), repriced.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_key_applies_to_every_spelling_of_an_id() {
    let node = TestNode::start().await;
    let id = node.api.new_account("Ada").await;
    let rename = |id: &str| {
        format!(
            r#"mutation {{ renameAccount(id: "{id}", name: "Bea", idempotencyKey: "k") {{ version }} }}"#
        )
    };
    let first = node
        .api
        .run(&rename(&id))
        .await
        .data("/renameAccount/version");
    let again = node
        .api
        .run(&rename(&id.to_uppercase()))
        .await
        .data("/renameAccount/version");
    assert_eq!((first, again), (2.into(), 2.into()));
}
