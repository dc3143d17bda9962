//! `updatedAt` and `closedAt` of orders are the times of their events, on every path to an order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fritzy_testbed_shop::Api;
use serde_json::{Value, json};

use crate::node::TestNode;

const TIMES: &str = "id version createdAt updatedAt closedAt";

/// The times of the events of an order, the first first.
async fn event_times(api: &Api, id: &str) -> Vec<Value> {
    let document = format!(r#"{{ history(id: "{id}") {{ at }} }}"#);
    let history = api.run(&document).await.data("/history");
    let entries = history.as_array().expect("a list").iter();
    entries.map(|entry| entry["at"].clone()).collect()
}

/// The order on every path that leads to it.
async fn everywhere(api: &Api, account: &str, id: &str) -> Vec<Value> {
    let document = format!(
        r#"{{
            order(id: "{id}") {{ {TIMES} }}
            orders(filter: {{ accountId: "{account}" }}) {{ nodes {{ {TIMES} }} }}
            all: orders {{ edges {{ node {{ {TIMES} }} }} }}
            one: accounts(id: "{account}") {{ orders {{ {TIMES} }} ordersConnection {{ nodes {{ {TIMES} }} }} }}
            accounts {{ orders {{ {TIMES} }} ordersConnection {{ edges {{ node {{ {TIMES} }} }} }} }}
        }}"#
    );
    let mut found = Vec::new();
    let mut unseen = vec![api.run(&document).await.data("")];
    while let Some(value) = unseen.pop() {
        if value["id"] == id {
            found.push(value);
            continue;
        }
        match value {
            Value::Array(values) => unseen.extend(values),
            Value::Object(fields) => unseen.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn order_times_are_those_of_its_events() {
    let node = TestNode::start().await;
    let api = &node.api;
    let account = api.new_account("Ada").await;
    // Two accounts: their orders are read together.
    api.new_account("Bob").await;
    let pen = api.new_product("Pen", 1.5).await;
    let completed = api.new_order(&account, &[(&pen, 1)]).await;
    let cancelled = api.new_order(&account, &[(&pen, 2)]).await;
    for (id, mutation, closes) in [
        (&completed, "", false),
        (&completed, "confirmOrder", false),
        (&completed, "completeOrder", true),
        (&cancelled, "cancelOrder", true),
    ] {
        let mut seen = Vec::new();
        if !mutation.is_empty() {
            let document = format!(r#"mutation {{ {mutation}(id: "{id}") {{ {TIMES} }} }}"#);
            seen.push(api.run(&document).await.data(&format!("/{mutation}")));
        }
        let times = event_times(api, id).await;
        let last = times.last().expect("an event");
        let expected = json!({
            "id": id,
            "version": times.len(),
            "createdAt": times[0],
            "updatedAt": last,
            "closedAt": if closes { last.clone() } else { Value::Null },
        });
        seen.extend(everywhere(api, &account, id).await);
        assert!(seen.len() >= 7, "{} paths", seen.len());
        for order in seen {
            assert_eq!(order, expected, "{mutation}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_its_times_are_of_one_version() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let pen = node.api.new_product("Pen", 1.5).await;
    let mut orders = Vec::new();
    for quantity in 1..=40 {
        orders.push(node.api.new_order(&account, &[(&pen, quantity)]).await);
    }
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (api, orders, done) = (node.api.clone(), orders.clone(), done.clone());
        tokio::spawn(async move {
            for id in &orders {
                for mutation in ["confirmOrder", "completeOrder"] {
                    let document = format!(r#"mutation {{ {mutation}(id: "{id}") {{ id }} }}"#);
                    api.run(&document).await.data(&format!("/{mutation}"));
                }
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let mut seen: Vec<Value> = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let document = format!("{{ orders(first: 1000) {{ nodes {{ {TIMES} }} }} }}");
        let orders = node.api.run(&document).await.data("/orders/nodes");
        seen.extend(orders.as_array().expect("a list").iter().cloned());
    }
    writer.await.expect("no panic");
    let mut versions = [0; 4];
    for id in &orders {
        let times = event_times(&node.api, id).await;
        for order in seen.iter().filter(|order| order["id"] == *id) {
            let version = order["version"].as_u64().expect("a number") as usize;
            versions[version] += 1;
            assert_eq!(order["updatedAt"], times[version - 1], "{order}");
            let closed = if version == 3 {
                times[2].clone()
            } else {
                Value::Null
            };
            assert_eq!(order["closedAt"], closed, "{order}");
        }
    }
    assert!(versions[1] > 0 && versions[3] > 0, "{versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_times_of_a_list_take_one_statement() {
    let node = TestNode::start().await;
    let pen = node.api.new_product("Pen", 1.5).await;
    for name in ["Ada", "Bob", "Eve"] {
        let account = node.api.new_account(name).await;
        for quantity in 1..=5 {
            let id = node.api.new_order(&account, &[(&pen, quantity)]).await;
            let document = format!(r#"mutation {{ confirmOrder(id: "{id}") {{ id }} }}"#);
            node.api.run(&document).await.data("/confirmOrder");
        }
    }
    for (document, statements) in [
        ("{ orders { nodes { id createdAt } } }", 1),
        ("{ orders { nodes { id updatedAt } } }", 2),
        (
            "{ orders { nodes { id } edges { node { updatedAt closedAt } } } }",
            2,
        ),
        ("{ orders(first: 0) { nodes { updatedAt } } }", 1),
        ("{ accounts { orders { id } } }", 2),
        ("{ accounts { orders { id closedAt updatedAt } } }", 3),
        (
            "{ accountsConnection { nodes { ordersConnection { nodes { updatedAt } } } } }",
            3,
        ),
    ] {
        let before = node.read_statements().await;
        node.api.run(document).await.data("");
        let used = node.read_statements().await - before;
        assert_eq!(used, statements, "{document}");
    }
}
