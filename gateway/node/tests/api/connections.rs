//! Relay connections: pagination by cursors in both directions, stable during writes (A10).

use serde_json::Value;

use crate::node::TestNode;

async fn accounts(node: &TestNode, arguments: &str) -> Value {
    let document = format!(
        "{{ accountsConnection({arguments}) {{ edges {{ cursor node {{ name }} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    node.api.run(&document).await.data("/accountsConnection")
}

fn names(connection: &Value) -> Vec<String> {
    let edges = connection["edges"].as_array().cloned().unwrap_or_default();
    edges
        .iter()
        .map(|edge| edge["node"]["name"].as_str().unwrap_or_default().into())
        .collect()
}

fn cursor(connection: &Value, which: &str) -> String {
    connection["pageInfo"][which]
        .as_str()
        .expect("a cursor")
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_walk_visits_each_row_once_during_writes() {
    let node = TestNode::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        node.api.new_account(name).await;
    }
    let first = accounts(&node, "first: 2").await;
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    assert_eq!(first["pageInfo"]["hasPreviousPage"], false);
    node.api.new_account("f").await;
    let second = accounts(
        &node,
        &format!("first: 9, after: \"{}\"", cursor(&first, "endCursor")),
    )
    .await;
    assert_eq!(names(&second), ["c", "d", "e", "f"]);
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    assert_eq!(second["pageInfo"]["hasPreviousPage"], true);
    let last = accounts(&node, "last: 2").await;
    assert_eq!(names(&last), ["e", "f"]);
    let before = accounts(
        &node,
        &format!("last: 3, before: \"{}\"", cursor(&last, "startCursor")),
    )
    .await;
    assert_eq!(names(&before), ["b", "c", "d"]);
    assert_eq!(before["pageInfo"]["hasPreviousPage"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_products_have_connections() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let pen = node.api.new_product("Pen", 1.5).await;
    for quantity in 1..=3 {
        node.api.new_order(&account, &[(&pen, quantity)]).await;
    }
    let document = format!(
        r#"{{ accounts(id: "{account}") {{ ordersConnection(last: 2) {{ edges {{ node {{
            totalPrice products {{ name description }} }} }} pageInfo {{ hasPreviousPage }} }} }}
            productsConnection(first: 5) {{ edges {{ node {{ name }} }} }} }}"#
    );
    let response = node.api.run(&document).await;
    let orders = response.data("/accounts/0/ordersConnection");
    let totals: Vec<_> = (0..2)
        .map(|n| orders["edges"][n]["node"]["totalPrice"].clone())
        .collect();
    assert_eq!(totals, [3.0, 4.5]);
    assert_eq!(orders["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(
        response.data("/productsConnection/edges/0/node/name"),
        "Pen"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_connection_arguments_are_named() {
    let node = TestNode::start().await;
    for (arguments, field) in [
        ("first: -1", "first"),
        ("last: 1001", "last"),
        ("first: 1, last: 1", "last"),
        ("after: \"nope\"", "after"),
        ("before: \"\"", "before"),
    ] {
        let document = format!("{{ accountsConnection({arguments}) {{ edges {{ cursor }} }} }}");
        let response = node.api.run(&document).await;
        assert_eq!(response.code(), "INVALID_ARGUMENT", "{arguments}");
        assert_eq!(
            response.error()["extensions"]["field"],
            field,
            "{arguments}"
        );
    }
}
