//! Entities by their ids alone (`node`, `nodes`), and by an id of a known kind (`account`,
//! `product`, `order`).

use fritzy_testbed_shop::{Api, ApiError};
use serde_json::{Value, json};

use crate::node::TestNode;

const NODE: &str = "query($id: ID!) { node(id: $id) {
    __typename id
    ... on Account { name closed }
    ... on Product { name withdrawn priceMoney { amount } }
    ... on Order { status account { name } lines { name product { description } } }
} }";

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

/// An account, a product and an order of both.
async fn one_of_each(node: &TestNode) -> [String; 3] {
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let order = node.api.new_order(&account, &[(&product, 2)]).await;
    [account, product, order]
}

async fn read(api: &Api, id: &str) -> Value {
    let response = api.run_with(NODE, json!({ "id": id })).await;
    response.data("/node")
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_of_the_kind_that_has_its_id() {
    let node = TestNode::start().await;
    let [account, product, order] = one_of_each(&node).await;
    let expected = [
        json!({ "__typename": "Account", "id": account, "name": "Ada", "closed": false }),
        json!({ "__typename": "Product", "id": product, "name": "Lamp", "withdrawn": false,
            "priceMoney": { "amount": "14.66" } }),
        json!({ "__typename": "Order", "id": order, "status": "CREATED",
            "account": { "name": "Ada" },
            "lines": [{ "name": "Lamp", "product": { "description": "Lamp" } }] }),
    ];
    let without_description = |mut value: Value| {
        if let Some(lines) = value.get_mut("lines") {
            lines[0]["product"]["description"] = json!("Lamp");
        }
        value
    };
    for expected in &expected {
        let id = expected["id"].as_str().expect("an id");
        assert_eq!(without_description(read(&node.api, id).await), *expected);
    }
    // From state rows at first, then from the actors.
    let node = node.restart().await;
    for _ in 0..2 {
        for expected in &expected {
            let id = expected["id"].as_str().expect("an id");
            assert_eq!(without_description(read(&node.api, id).await), *expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_read_again_takes_no_statement() {
    let node = TestNode::start().await;
    let ids = one_of_each(&node).await;
    let node = node.restart().await;
    let ask = async || {
        let before = node.read_statements().await;
        node.api.run_with(NODES, json!({ "ids": ids })).await;
        node.read_statements().await - before
    };
    assert!(ask().await > 0, "nothing is in memory after a start");
    // The actors have been started by now, and each loads its row.
    ask().await;
    assert_eq!(ask().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_has_every_acknowledged_write() {
    let node = TestNode::start().await;
    let [account, product, order] = one_of_each(&node).await;
    let changes = "mutation($a: String!, $p: String!, $o: String!) {
        renameAccount(id: $a, name: \"Bo\") { id }
        closeAccount(id: $a) { id }
        withdrawProduct(id: $p) { id }
        cancelOrder(id: $o) { id }
    }";
    let variables = json!({ "a": account, "p": product, "o": order });
    let changed = node.api.run_with(changes, variables).await;
    changed.data("/cancelOrder/id");
    assert_eq!(read(&node.api, &account).await["name"], "Bo");
    assert_eq!(read(&node.api, &account).await["closed"], true);
    assert_eq!(read(&node.api, &product).await["withdrawn"], true);
    assert_eq!(read(&node.api, &order).await["status"], "CANCELLED");
    let node = node.restart().await;
    assert_eq!(read(&node.api, &account).await["closed"], true);
    assert_eq!(read(&node.api, &order).await["status"], "CANCELLED");
}

/// An actor of another kind, which finds nothing, must not answer for the entity.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn node_is_found_beside_reads_of_other_kinds() {
    const ROUNDS: usize = 100;
    let node = TestNode::start().await;
    let [_, _, order] = one_of_each(&node).await;
    let node = node.restart().await;
    let others = (0..2).map(|_| {
        let (api, order) = (node.api.clone(), order.clone());
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let wrong = "query($id: ID!) { account(id: $id) { id } product(id: $id) { id } }";
                let response = api.run_with(wrong, json!({ "id": order })).await;
                assert_eq!(
                    response.json()["data"],
                    json!({ "account": null, "product": null })
                );
            }
        })
    });
    let others: Vec<_> = others.collect();
    for _ in 0..ROUNDS {
        assert_eq!(read(&node.api, &order).await["__typename"], "Order");
    }
    for other in others {
        other.await.expect("no other kind has the id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_in_the_order_of_their_ids() {
    let node = TestNode::start().await;
    let [account, product, order] = one_of_each(&node).await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let ids = [&order, unknown, &account, &product, &order];
    let response = node.api.run_with(NODES, json!({ "ids": ids })).await;
    assert_eq!(
        response.data("/nodes"),
        json!([
            { "__typename": "Order", "id": order },
            null,
            { "__typename": "Account", "id": account },
            { "__typename": "Product", "id": product },
            { "__typename": "Order", "id": order },
        ])
    );
    assert_eq!(response.json().get("errors"), None, "a missing row is null");
    let none: [&str; 0] = [];
    let response = node.api.run_with(NODES, json!({ "ids": none })).await;
    assert_eq!(response.data("/nodes"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_id_nulls_its_own_node_only() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let ids = [account.as_str(), "account-7"];
    let response = node.api.run_with(NODES, json!({ "ids": ids })).await;
    let expected = json!([{ "__typename": "Account", "id": account }, null]);
    assert_eq!(response.json()["data"]["nodes"], expected);
    let error = response.error();
    assert_eq!(error["path"], json!(["nodes", 1]));
    assert_eq!(error["extensions"]["code"], "INVALID_ARGUMENT");
    assert_eq!(error["extensions"]["field"], "ids[1]");
    let response = node.api.run_with(NODE, json!({ "id": "account-7" })).await;
    assert_eq!(response.json()["data"], json!({ "node": null }));
    assert_eq!(response.error()["extensions"]["field"], "id");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_nodes_than_allowed_are_refused() {
    let node = TestNode::start().await;
    let id = "00000000-0000-4000-8000-000000000000";
    let response = node
        .api
        .run_with(NODES, json!({ "ids": vec![id; 100] }))
        .await;
    assert_eq!(response.data("/nodes").as_array().map(Vec::len), Some(100));
    let response = node
        .api
        .run_with(NODES, json!({ "ids": vec![id; 101] }))
        .await;
    let error = response.api_error();
    assert_eq!(error, ApiError::argument("ids", "TOO_MANY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_row_nulls_its_own_field_only() {
    let node = TestNode::start().await;
    let [account, product, order] = one_of_each(&node).await;
    let document = "query($account: ID!, $product: ID!, $order: String!, $no: ID!) {
        account(id: $account) { id } product(id: $product) { id } order(id: $order) { id }
        noAccount: account(id: $no) { id } noProduct: product(id: $no) { id } node(id: $no) { id }
    }";
    let no = "00000000-0000-4000-8000-000000000000";
    let variables = json!({ "account": account, "product": product, "order": order, "no": no });
    let response = node.api.run_with(document, variables).await;
    let json = response.json();
    assert_eq!(
        json["data"],
        json!({
            "account": { "id": account }, "product": { "id": product }, "order": { "id": order },
            "noAccount": null, "noProduct": null, "node": null,
        })
    );
    let errors = json["errors"].as_array().expect("errors");
    let mut codes: Vec<_> = errors
        .iter()
        .map(|error| (error["path"].clone(), error["extensions"]["code"].clone()))
        .collect();
    codes.sort_by_key(|(path, _)| path.to_string());
    assert_eq!(
        codes,
        [
            (json!(["noAccount"]), json!("ACCOUNT_NOT_FOUND")),
            (json!(["noProduct"]), json!("PRODUCT_NOT_FOUND")),
        ]
    );
}

/// An id is also taken as a number or text where `ID` is declared; the seed's arguments keep
/// `String`.
#[tokio::test(flavor = "multi_thread")]
async fn id_of_an_output_fits_arguments_of_both_types() {
    let node = TestNode::start().await;
    let [account, ..] = one_of_each(&node).await;
    let old = "query($id: String) { accounts(id: $id) { id } }";
    let response = node.api.run_with(old, json!({ "id": account })).await;
    assert_eq!(response.data("/accounts/0/id"), json!(account));
    let new = "query($id: ID!) { account(id: $id) { id } }";
    let response = node.api.run_with(new, json!({ "id": account })).await;
    assert_eq!(response.data("/account/id"), json!(account));
    let response = node.api.run_with(new, json!({ "id": 7 })).await;
    assert_eq!(response.code(), "INVALID_ARGUMENT");
}
