//! Total counts of connections: of the whole list, and only when they are selected.

use serde_json::{Value, json};

use crate::node::TestNode;

/// Account `n` has `n` orders; one of the products is withdrawn.
async fn filled() -> TestNode {
    let node = TestNode::start().await;
    let pen = node.api.new_product("Pen", 1.5).await;
    let old = node.api.new_product("Old", 1.5).await;
    for n in 0..6 {
        let account = node.api.new_account(&format!("Account {n}")).await;
        for _ in 0..n {
            node.api.new_order(&account, &[(&pen, 1)]).await;
        }
    }
    let document = format!(r#"mutation {{ withdrawProduct(id: "{old}") {{ id }} }}"#);
    node.api.run(&document).await.data("/withdrawProduct");
    node
}

const COUNT: &str = "totalCount totalCountIsLowerBound";

fn count(rows: usize) -> Value {
    json!({ "totalCount": rows, "totalCountIsLowerBound": false })
}

#[tokio::test(flavor = "multi_thread")]
async fn total_count_is_that_of_the_whole_list() {
    let node = filled().await;
    for (list, rows) in [
        ("accountsConnection(first: 2)", 6),
        ("productsConnection(last: 0)", 1),
        ("orders(first: 1)", 15),
        ("orders(filter: { status: [CANCELLED] })", 0),
        (r#"orders(filter: { currency: "EUR" })"#, 0),
        (
            r#"orders(filter: { currency: "USD", status: [CREATED] }, last: 3)"#,
            15,
        ),
    ] {
        let found = node
            .api
            .run(&format!("{{ it: {list} {{ {COUNT} }} }}"))
            .await;
        assert_eq!(found.data("/it"), count(rows), "{list}");
    }
    // The same behind a cursor, which is no part of the list.
    let document = "{ orders(first: 4) { pageInfo { endCursor } } }";
    let cursor = node
        .api
        .run(document)
        .await
        .text_at("/orders/pageInfo/endCursor");
    let document = format!(r#"{{ orders(after: "{cursor}") {{ {COUNT} nodes {{ id }} }} }}"#);
    let behind = node.api.run(&document).await.data("/orders");
    assert_eq!(behind["totalCount"], 15);
    assert_eq!(behind["nodes"].as_array().map(Vec::len), Some(11));
}

#[tokio::test(flavor = "multi_thread")]
async fn total_counts_of_accounts_are_their_own() {
    let node = filled().await;
    let document = format!(
        "{{ accountsConnection {{ nodes {{ name ordersConnection(first: 1) {{ {COUNT} }} }} }} }}"
    );
    let accounts = node
        .api
        .run(&document)
        .await
        .data("/accountsConnection/nodes");
    let expected: Vec<Value> = (0..6)
        .map(|n| json!({ "name": format!("Account {n}"), "ordersConnection": count(n) }))
        .collect();
    assert_eq!(accounts, json!(expected));
    let ids = node.api.run("{ accounts { id } }").await.data("/accounts");
    let id = ids[4]["id"].as_str().expect("an id");
    let document =
        format!(r#"{{ accounts(id: "{id}") {{ ordersConnection(last: 1) {{ {COUNT} }} }} }}"#);
    let one = node.api.run(&document).await;
    assert_eq!(one.data("/accounts/0/ordersConnection"), count(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_counted_unless_it_is_selected() {
    let node = filled().await;
    for (document, statements) in [
        ("{ orders { nodes { id } } }", 1),
        ("{ orders { nodes { id } totalCount } }", 2),
        (
            "{ orders { totalCount again: totalCount totalCountIsLowerBound } }",
            2,
        ),
        (
            "query($no: Boolean = false) { orders { nodes { id } totalCount @include(if: $no) } }",
            1,
        ),
        ("{ accountsConnection { nodes { id } } }", 1),
        (
            "{ accountsConnection { totalCount } productsConnection { totalCount } }",
            4,
        ),
        ("{ accounts { ordersConnection { nodes { id } } } }", 2),
        (
            "{ accounts { ordersConnection { totalCount nodes { id } } } }",
            3,
        ),
        (
            "{ accounts { a: ordersConnection(first: 1) { totalCount } b: ordersConnection(last: 1) { totalCount } } }",
            4,
        ),
    ] {
        let before = node.read_statements().await;
        node.api.run(document).await.data("");
        let used = node.read_statements().await - before;
        assert_eq!(used, statements, "{document}");
    }
}
