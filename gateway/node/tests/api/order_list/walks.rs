//! Walks while others write, and over orders that a filter does not admit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::shop::{FilledShop, Listed, ORDERS, SORTS, create_order, document, run_all};
use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn order_walk_during_writes_has_each_row_once() {
    let shop = FilledShop::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (api, stop) = (shop.node.api.clone(), stop.clone());
            let (account, products) = (shop.accounts[writer].clone(), shop.products.clone());
            let open: Vec<String> = shop
                .orders
                .iter()
                .filter(|order| order.status == "CREATED")
                .skip(writer)
                .step_by(3)
                .map(|order| order.id.clone())
                .collect();
            tokio::spawn(async move {
                let mut written = 0;
                while !stop.load(Ordering::SeqCst) {
                    let order =
                        create_order(&account, &[(&products[written % 5], 1 + written % 9)]);
                    api.run(&format!("mutation {{ {order} {{ id }} }}"))
                        .await
                        .data("/createOrder");
                    if let Some(id) = open.get(written) {
                        let confirm =
                            format!(r#"mutation {{ confirmOrder(id: "{id}") {{ id }} }}"#);
                        api.run(&confirm).await.data("/confirmOrder");
                    }
                    written += 1;
                }
                written
            })
        })
        .collect();
    for by in SORTS {
        for backwards in [false, true] {
            let arguments = json!({ "sort": by });
            let (amount, place) = if backwards {
                ("last", "before")
            } else {
                ("first", "after")
            };
            let mut arguments = arguments;
            arguments[amount] = json!(11);
            let mut seen = Vec::new();
            loop {
                let response = shop.node.api.run_with(&document(), arguments.clone()).await;
                let page = response.data("/orders");
                let nodes = page["nodes"].as_array().expect("a list").iter();
                seen.extend(nodes.map(|order| order["id"].as_str().expect("an id").to_owned()));
                let info = &page["pageInfo"];
                let (more, cursor) = if backwards {
                    (&info["hasPreviousPage"], &info["startCursor"])
                } else {
                    (&info["hasNextPage"], &info["endCursor"])
                };
                // New orders are at the end of a list by creation: the walk need not follow them.
                if *more == json!(false) || seen.len() > 20 * ORDERS {
                    break;
                }
                arguments[place] = cursor.clone();
            }
            let unique: BTreeSet<&String> = seen.iter().collect();
            assert_eq!(unique.len(), seen.len(), "{by}: a row was repeated");
            let missed = shop
                .orders
                .iter()
                .filter(|order| !unique.contains(&order.id));
            assert_eq!(missed.count(), 0, "{by}, backwards: {backwards}");
        }
    }
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        assert!(writer.await.expect("no panic") > 0);
    }
}

/// More than a page looks at.
const COMMON: usize = 10_050;

#[tokio::test(flavor = "multi_thread")]
async fn walk_passes_over_orders_that_do_not_match() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let rare = node.api.new_priced_product("Rare", "1", "EUR").await;
    let common = node.api.new_product("Common", 1.0).await;
    let first = node.api.new_order(&account, &[(&rare, 1)]).await;
    let creation = create_order(&account, &[(&common, 1)]);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (api, creations) = (node.api.clone(), vec![creation.clone(); COMMON / 4]);
            tokio::spawn(async move { run_all(&api, &creations).await })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let last = node.api.new_order(&account, &[(&rare, 1)]).await;
    for (sort, expected) in [
        ("CREATED_ASC", [&first, &last]),
        ("CREATED_DESC", [&last, &first]),
    ] {
        let mut arguments = json!({ "filter": { "currency": "EUR" }, "sort": sort, "first": 5 });
        let mut pages: Vec<Vec<String>> = Vec::new();
        loop {
            let page = node
                .api
                .run_with(&document(), arguments.clone())
                .await
                .data("/orders");
            let nodes = page["nodes"].as_array().expect("a list").iter();
            pages.push(nodes.map(|order| Listed::of(order).id).collect());
            assert_eq!(
                page["totalCount"], 2,
                "the index by totals counts them alone"
            );
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
            arguments["after"] = page["pageInfo"]["endCursor"].clone();
        }
        // The first page looks at 10 000 orders, the second one at the rest.
        let expected = expected.map(|id| vec![id.clone()]);
        assert_eq!(pages, expected, "{sort}");
    }
    let all = node
        .api
        .run("{ orders(first: 1) { totalCount totalCountIsLowerBound } }")
        .await;
    let bound = json!({ "totalCount": 10_000, "totalCountIsLowerBound": true });
    assert_eq!(all.data("/orders"), bound);
}
