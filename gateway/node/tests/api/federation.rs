//! What routers of Apollo Federation ask a subgraph for. A real router is tested in
//! `gateway/tests/web/clients/federation.mjs`.

use fritzy_testbed_shop::ApiError;
use serde_json::{Value, json};

use crate::node::TestNode;

const ENTITIES: &str = "query($of: [_Any!]!) { _entities(representations: $of) {
    __typename
    ... on Account { id name orders(pagination: { take: 10 }) { id account { name } } }
    ... on Product { id name }
    ... on Order { id lines { product { name } } }
} }";

fn reference(kind: &str, id: &str) -> Value {
    json!({ "__typename": kind, "id": id })
}

#[tokio::test(flavor = "multi_thread")]
async fn composed_schema_has_keys_but_not_the_routers_fields() {
    let node = TestNode::start().await;
    let sdl = node
        .api
        .run("{ _service { sdl } }")
        .await
        .text_at("/_service/sdl");
    for kind in ["Account", "Product", "Order"] {
        let keyed = format!("type {kind} implements Node @key(fields: \"id\") {{");
        assert!(sdl.contains(&keyed), "{kind}: {sdl}");
    }
    assert!(sdl.contains("https://specs.apollo.dev/federation/v2"));
    for added in [
        "_entities",
        "_service",
        "_Any",
        "_Entity",
        "_Service",
        "_Keys",
    ] {
        assert!(!sdl.contains(added), "{added}: {sdl}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_in_the_order_of_their_representations() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let order = node.api.new_order(&account, &[(&product, 1)]).await;
    let of = json!([
        reference("Product", &product),
        reference("Account", "00000000-0000-4000-8000-000000000000"),
        reference("Order", &order),
        // An id of another type.
        reference("Account", &product),
        reference("Account", &account),
        reference("Product", &product),
    ]);
    let lamp = json!({ "__typename": "Product", "id": product, "name": "Lamp" });
    let response = node.api.run_with(ENTITIES, json!({ "of": of })).await;
    assert_eq!(
        response.data("/_entities"),
        json!([
            lamp,
            null,
            { "__typename": "Order", "id": order, "lines": [{ "product": { "name": "Lamp" } }] },
            null,
            { "__typename": "Account", "id": account, "name": "Ada",
              "orders": [{ "id": order, "account": { "name": "Ada" } }] },
            lamp,
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_representation_nulls_its_own_entity_only() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    for (bad, field, reason) in [
        (json!({ "id": account }), "__typename", "NOT_AN_ENTITY"),
        (
            reference("OrderLine", &account),
            "__typename",
            "NOT_AN_ENTITY",
        ),
        (json!(7), "__typename", "NOT_AN_ENTITY"),
        (json!("Account"), "__typename", "NOT_AN_ENTITY"),
        (json!(true), "__typename", "NOT_AN_ENTITY"),
        (
            json!([reference("Account", &account)]),
            "__typename",
            "NOT_AN_ENTITY",
        ),
        (reference("Account", "account-7"), "id", "NOT_AN_ID"),
        (json!({ "__typename": "Account" }), "id", "NOT_AN_ID"),
        (
            json!({ "__typename": "Account", "id": 7 }),
            "id",
            "NOT_AN_ID",
        ),
    ] {
        let of = json!([
            reference("Account", &account),
            bad,
            reference("Account", &account)
        ]);
        let response = node.api.run_with(ENTITIES, json!({ "of": of })).await;
        let entities = response.json()["data"]["_entities"].clone();
        assert_eq!(
            (&entities[0]["name"], &entities[1]),
            (&json!("Ada"), &json!(null))
        );
        assert_eq!(entities[0], entities[2]);
        let field = format!("representations[1].{field}");
        assert_eq!(response.api_error(), ApiError::argument(&field, reason));
        assert_eq!(response.error()["path"], json!(["_entities", 1]));
    }
    for not_an_object in [json!([null]), json!([reference("Account", &account), null])] {
        let of = json!({ "of": not_an_object });
        let response = node.api.run_with(ENTITIES, of).await;
        assert_eq!(response.code(), "BAD_USER_INPUT");
        assert!(response.json().get("data").is_none());
    }
    let many = vec![reference("Account", &account); 1_001];
    let response = node.api.run_with(ENTITIES, json!({ "of": many })).await;
    let error = ApiError::argument("representations", "TOO_MANY");
    assert_eq!(response.api_error(), error);
}

/// Entities in memory are read from there, and what belongs to them is read for all at once.
#[tokio::test(flavor = "multi_thread")]
async fn entities_are_read_together() {
    const ACCOUNTS: usize = 40;
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let mut of = Vec::new();
    for n in 0..ACCOUNTS {
        let account = node.api.new_account(&format!("Account {n}")).await;
        node.api.new_order(&account, &[(&product, 1)]).await;
        of.push(reference("Account", &account));
    }
    let ask = async || {
        let before = node.read_statements().await;
        let response = node.api.run_with(ENTITIES, json!({ "of": of })).await;
        let entities = response.data("/_entities");
        for n in [0, ACCOUNTS - 1] {
            let account = format!("Account {n}");
            assert_eq!(entities[n]["name"], account);
            assert_eq!(entities[n]["orders"][0]["account"]["name"], account);
        }
        node.read_statements().await - before
    };
    ask().await;
    // The orders of all accounts, and the accounts of all those orders.
    assert_eq!(ask().await, 2);
}
