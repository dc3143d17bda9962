//! The history of accounts, products and orders.

use std::collections::BTreeSet;

use serde_json::json;

use crate::node::TestNode;

const HISTORY: &str = "query($id: String!, $page: PaginationInput) {
    history(id: $id, pagination: $page) { id version type commandId at data }
}";

#[tokio::test(flavor = "multi_thread")]
async fn history_contains_a_change_once_it_is_acknowledged() {
    let node = TestNode::start().await;
    let api = &node.api;
    let account = api.new_account("Ada").await;
    let product = api.new_product("Lamp", 9.99).await;
    let order = api.new_order(&account, &[(&product, 2)]).await;
    for change in [
        format!(r#"mutation {{ renameAccount(id: "{account}", name: "Bea") {{ id }} }}"#),
        format!(r#"mutation {{ closeAccount(id: "{account}") {{ id }} }}"#),
        format!(r#"mutation {{ confirmOrder(id: "{order}") {{ id }} }}"#),
        format!(r#"mutation {{ cancelOrder(id: "{order}", reason: "late") {{ id }} }}"#),
        format!(r#"mutation {{ withdrawProduct(id: "{product}") {{ id }} }}"#),
    ] {
        assert_eq!(
            api.run(&change).await.json().get("errors"),
            None,
            "{change}"
        );
    }
    let types = async |id: &str, page: serde_json::Value| -> Vec<String> {
        let response = api
            .run_with(HISTORY, json!({ "id": id, "page": page }))
            .await;
        let entries = response.data("/history");
        let entries = entries.as_array().expect("a list").clone();
        let skip = page["skip"].as_u64().unwrap_or(0);
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry["version"].as_u64(), Some(skip + index as u64 + 1));
            assert!(
                entry["at"].as_str().is_some_and(|at| at.ends_with('Z')),
                "{entry}"
            );
            assert!(entry["data"].to_string().contains(id), "{entry}");
        }
        let types = entries
            .iter()
            .map(|entry| entry["type"].as_str().expect("a text").to_owned());
        types.collect()
    };
    let of_account = ["account.created", "account.renamed", "account.closed"];
    assert_eq!(types(&account, json!(null)).await, of_account);
    assert_eq!(
        types(&account, json!({ "skip": 1, "take": 1 })).await,
        of_account[1..2]
    );
    assert_eq!(types(&account, json!({ "skip": 3 })).await, [""; 0]);
    assert_eq!(
        types(&product, json!(null)).await,
        ["product.created", "product.withdrawn"]
    );
    let of_order = ["order.created", "order.confirmed", "order.cancelled"];
    assert_eq!(types(&order, json!(null)).await, of_order);
    let response = api.run_with(HISTORY, json!({ "id": order })).await;
    let created = response.data("/history/0/data");
    assert_eq!(created["lines"][0]["quantity"], 2, "{created}");
    assert_eq!(response.data("/history/2/data")["reason"], "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_repeated_request_has_the_same_command_id() {
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 9.99).await;
    for (name, key) in [("A", "1"), ("B", "2"), ("A", "1")] {
        let change = format!(
            r#"mutation {{ updateProduct(id: "{product}", name: "{name}", idempotencyKey: "{key}") {{ id }} }}"#
        );
        node.api.run(&change).await.data("/updateProduct");
    }
    let response = node.api.run_with(HISTORY, json!({ "id": product })).await;
    assert_eq!(response.data("/history").as_array().map(Vec::len), Some(3));
    let command = |index: u32| response.text_at(&format!("/history/{index}/commandId"));
    let commands = BTreeSet::from([command(0), command(1), command(2)]);
    assert_eq!(commands.len(), 3, "{commands:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_entity_has_no_history() {
    let node = TestNode::start().await;
    let api = &node.api;
    for (id, page, code, field) in [
        ("nonsense", json!(null), "INVALID_ARGUMENT", "id"),
        (
            "01a2050f-7846-754b-b786-3c7fdeea5899",
            json!(null),
            "NOT_FOUND",
            "id",
        ),
        (
            "01a2050f-7846-754b-b786-3c7fdeea5899",
            json!({ "skip": 5 }),
            "NOT_FOUND",
            "id",
        ),
        (
            "01a2050f-7846-754b-b786-3c7fdeea5899",
            json!({ "take": 1001 }),
            "INVALID_ARGUMENT",
            "pagination.take",
        ),
    ] {
        let response = api
            .run_with(HISTORY, json!({ "id": id, "page": page }))
            .await;
        assert_eq!(response.code(), code, "{id}: {response:?}");
        assert_eq!(
            response.error()["extensions"]["field"],
            field,
            "{response:?}"
        );
    }
}
