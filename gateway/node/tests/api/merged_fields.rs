//! A field that is selected several times is executed once, and its selections are merged.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::node::TestNode;

/// Ways to select a field twice: the two selections, put into a document.
const TWICE: [(&str, &str); 4] = [
    ("plainly", "{ FIELD(ONE) FIELD(TWO) }"),
    (
        "by a fragment",
        "{ FIELD(ONE) ...F } fragment F on Query { FIELD(TWO) }",
    ),
    (
        "by two fragments",
        "{ ...F ...G } fragment F on Query { FIELD(ONE) } fragment G on Query { ... { FIELD(TWO) } }",
    ),
    (
        "under conditions",
        "query($yes: Boolean = true) { FIELD(ONE) ... @include(if: $yes) { FIELD(TWO) } }",
    ),
];

/// `FIELD(ONE)` as the field with the first selection, `FIELD(TWO)` with the second.
fn document(form: &str, field: &str, one: &str, two: &str) -> String {
    let with = |selection: &str| field.replace("SELECTION", selection);
    form.replace("FIELD(ONE)", &with(one))
        .replace("FIELD(TWO)", &with(two))
}

/// While others write, each object of a response is one object: its fields are of one version of
/// one entity.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn field_selected_twice_is_of_one_object_while_others_write() {
    const ANSWERS: usize = 60;
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (api, account, product) = (node.api.clone(), account.clone(), product.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    api.new_account(&format!("{writer}-{number}")).await;
                    api.new_order(&account, &[(&product, 1 + number % 9)]).await;
                }
            })
        })
        .collect();
    for (field, list) in [
        (
            "accountsConnection(last: 1) { nodes { SELECTION } }",
            "/accountsConnection/nodes",
        ),
        (
            "accountsConnection(last: 3) { edges { node { SELECTION } } }",
            "/accountsConnection/edges",
        ),
        (
            "accounts(pagination: { take: 1 }) { ordersConnection(last: 2) { nodes { SELECTION } } }",
            "/accounts/0/ordersConnection/nodes",
        ),
    ] {
        let is_order = field.contains("orders");
        let two = if is_order {
            "totalPrice products { quantity }"
        } else {
            "name createdAt"
        };
        for (how, form) in TWICE {
            let mut seen: HashMap<String, Value> = HashMap::new();
            for _ in 0..ANSWERS {
                let response = node.api.run(&document(form, field, "id", two)).await;
                for row in response.data(list).as_array().expect("a list") {
                    let row = row.get("node").unwrap_or(row);
                    let mut row = row.clone();
                    let id = row["id"].as_str().expect("an id").to_owned();
                    if is_order {
                        let (price, quantity) = (
                            row["totalPrice"].as_f64(),
                            row["products"][0]["quantity"].as_f64(),
                        );
                        let expected = quantity.map(|quantity| (quantity * 1466.0).round() / 100.0);
                        assert_eq!(price, expected, "{how}: {row}");
                    }
                    row["id"] = Value::Null;
                    // Neither changes after it was created.
                    let first = seen.entry(id).or_insert_with(|| row.clone());
                    assert_eq!(*first, row, "{how}: {field}");
                }
            }
        }
    }
    writers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn error_of_a_field_selected_twice_is_told_once() {
    let node = TestNode::start().await;
    for field in [
        r#"order(id: "nobody") { SELECTION }"#,
        r#"accounts(id: "0192d3a0-1111-7222-8333-444455556666") { SELECTION }"#,
        "accountsConnection(first: -1) { nodes { SELECTION } }",
    ] {
        for (how, form) in TWICE {
            let response = node
                .api
                .run(&document(form, field, "id", "__typename"))
                .await;
            let errors = response.json()["errors"].as_array().map(Vec::len);
            assert_eq!(errors, Some(1), "{how}: {response:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutation_selected_twice_is_executed_once() {
    let node = TestNode::start().await;
    let create = r#"createAccount(account: { name: "Ada" }) { SELECTION }"#;
    for (how, form) in TWICE {
        let form = form.replace("Query", "Mutation");
        let form = match form.strip_prefix("query") {
            Some(rest) => format!("mutation{rest}"),
            None => format!("mutation {form}"),
        };
        let before = node.api.everything().await.matches("\"Ada\"").count();
        let response = node.api.run(&document(&form, create, "id", "name")).await;
        assert_eq!(response.data("/createAccount/name"), json!("Ada"), "{how}");
        let after = node.api.everything().await.matches("\"Ada\"").count();
        assert_eq!(after, before + 1, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_without_selected_fields_is_empty() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    for (document, data) in [
        (
            "{ accounts { id @skip(if: true) } }",
            json!({ "accounts": [{}] }),
        ),
        (
            "{ accounts { ... @include(if: false) { id } } }",
            json!({ "accounts": [{}] }),
        ),
        (
            "{ accountsConnection { pageInfo @skip(if: true) { hasNextPage } } }",
            json!({ "accountsConnection": {} }),
        ),
        ("{ accounts @skip(if: true) { id } }", json!({})),
        (
            "mutation { createAccount(account: { name: \"Bob\" }) @include(if: false) { id } }",
            json!({}),
        ),
    ] {
        let response = node.api.run(document).await;
        assert_eq!(response.data(""), data, "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn response_has_the_order_of_first_selection() {
    let node = TestNode::start().await;
    node.api.new_account("Ada").await;
    let document = "{ ...F accounts { id ...G name } products { id } }
        fragment F on Query { p: products { id } accounts { closed } }
        fragment G on Account { version name }";
    let response = node.api.run(document).await;
    let order: Vec<usize> = [
        "\"p\"",
        "\"accounts\"",
        "\"closed\"",
        "\"id\"",
        "\"version\"",
        "\"name\"",
        "\"products\"",
    ]
    .iter()
    .map(|name| {
        response
            .text
            .find(name)
            .unwrap_or_else(|| panic!("{name}: {response:?}"))
    })
    .collect();
    assert!(order.is_sorted(), "{response:?}");
}
