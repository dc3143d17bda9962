//! Every filter, in every sort order and direction, against a list filtered in the test.

use std::collections::BTreeSet;

use fritzy_testbed_shop::Api;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::shop::{FilledShop, Listed, ORDERS, SORTS, document, sort};

impl FilledShop {
    /// Filters, each with the orders that it admits.
    fn filters(&self) -> Vec<(Value, Vec<&Listed>)> {
        let (ada, zoe) = (&self.accounts[0], &self.accounts[3]);
        let [pen, lamp, ink] = [1, 2, 3].map(|n| self.products[n].clone());
        let mut times: Vec<_> = self
            .orders
            .iter()
            .map(|order| &order.created_text)
            .collect();
        times.sort();
        let (early, late) = (times[ORDERS / 4].clone(), times[ORDERS / 2].clone());
        let [from, end] =
            [&early, &late].map(|text| OffsetDateTime::parse(text, &Rfc3339).expect("a time"));
        let of = |filter: Value, admits: &dyn Fn(&Listed) -> bool| {
            let orders = self.orders.iter().filter(|order| admits(order));
            (filter, orders.collect::<Vec<_>>())
        };
        vec![
            of(Value::Null, &|_| true),
            of(json!({}), &|_| true),
            of(json!({ "status": null, "accountId": null }), &|_| true),
            of(json!({ "status": [] }), &|_| false),
            of(json!({ "status": ["CREATED"] }), &|it| {
                it.status == "CREATED"
            }),
            of(
                json!({ "status": ["CANCELLED", "CONFIRMED", "CANCELLED"] }),
                &|it| it.status == "CANCELLED" || it.status == "CONFIRMED",
            ),
            of(
                json!({ "status": ["CREATED", "CONFIRMED", "COMPLETED", "CANCELLED"] }),
                &|_| true,
            ),
            of(json!({ "accountId": ada }), &|it| it.account == *ada),
            of(json!({ "accountId": zoe }), &|_| false),
            of(json!({ "productId": lamp }), &|it| {
                it.products.contains(&lamp)
            }),
            of(json!({ "productId": zoe }), &|_| false),
            of(
                json!({ "createdFrom": early, "createdBefore": late }),
                &|it| it.created_at >= from && it.created_at < end,
            ),
            of(
                json!({ "createdFrom": late, "createdBefore": early }),
                &|_| false,
            ),
            of(json!({ "currency": "EUR" }), &|it| it.currency == "EUR"),
            of(json!({ "currency": "CHF" }), &|_| false),
            of(
                json!({ "totalMin": { "amount": "20" }, "totalMax": { "amount": "40.00" } }),
                &|it| it.currency == "USD" && (2_000..=4_000).contains(&it.minor_units),
            ),
            of(
                json!({ "totalMin": { "amount": "80", "currency": "JPY" } }),
                &|it| it.currency == "JPY" && it.minor_units >= 80,
            ),
            of(
                json!({ "currency": "EUR", "totalMax": { "amount": "60" } }),
                &|it| it.currency == "EUR" && it.minor_units <= 6_000,
            ),
            of(
                json!({ "accountId": ada, "productId": pen, "status": ["COMPLETED"] }),
                &|it| it.account == *ada && it.products.contains(&pen) && it.status == "COMPLETED",
            ),
            of(
                json!({ "productId": ink, "createdFrom": early, "currency": "EUR" }),
                &|it| it.products.contains(&ink) && it.created_at >= from,
            ),
            of(
                json!({ "status": ["CREATED", "COMPLETED"], "totalMin": { "amount": "30" } }),
                &|it| {
                    ["CREATED", "COMPLETED"].contains(&it.status.as_str())
                        && it.currency == "USD"
                        && it.minor_units >= 3_000
                },
            ),
        ]
    }
}

/// Walks the whole list, and requires that each page says rightly whether there are more.
async fn walk(api: &Api, arguments: &Value, take: usize, backwards: bool) -> Vec<Listed> {
    let mut arguments = arguments.clone();
    let (amount, place) = if backwards {
        ("last", "before")
    } else {
        ("first", "after")
    };
    arguments[amount] = json!(take);
    let mut walked = Vec::new();
    loop {
        let response = api.run_with(&document(), arguments.clone()).await;
        let page = response.data("/orders");
        let nodes = page["nodes"].as_array().expect("a list");
        let mut orders: Vec<Listed> = nodes.iter().map(Listed::of).collect();
        assert!(orders.len() <= take);
        let info = &page["pageInfo"];
        let (more, opposite, cursor) = if backwards {
            orders.reverse();
            (
                &info["hasPreviousPage"],
                &info["hasNextPage"],
                &info["startCursor"],
            )
        } else {
            (
                &info["hasNextPage"],
                &info["hasPreviousPage"],
                &info["endCursor"],
            )
        };
        assert_eq!(*opposite, !walked.is_empty(), "{arguments}");
        walked.extend(orders);
        if *more == json!(false) {
            assert_eq!(page["totalCount"], walked.len(), "{arguments}");
            assert_eq!(page["totalCountIsLowerBound"], false);
            return walked;
        }
        assert_eq!(
            nodes.len(),
            take,
            "few orders: a page before the last is full"
        );
        arguments[place] = cursor.clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_list_equals_a_list_filtered_in_the_test() {
    let shop = FilledShop::start().await;
    let mut lens = BTreeSet::new();
    let takes = [1_000, 7, 40, 13, 100];
    let mut walks = 0;
    for (filter, admitted) in shop.filters() {
        lens.insert(admitted.len());
        for by in SORTS {
            let mut expected = admitted.clone();
            sort(&mut expected, by);
            for backwards in [false, true] {
                walks += 1;
                let take = takes[walks % takes.len()];
                let arguments = json!({ "filter": filter, "sort": by });
                let mut found = walk(&shop.node.api, &arguments, take, backwards).await;
                if backwards {
                    found.reverse();
                }
                assert!(
                    found.iter().eq(expected.iter().copied()),
                    "{filter} by {by}, {take} at a time, backwards: {backwards}\n{found:?}\n{expected:?}"
                );
            }
        }
    }
    assert!(
        lens.len() > 8 && lens.contains(&0) && lens.contains(&ORDERS),
        "{lens:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn order_list_is_sorted_by_creation_by_default() {
    let shop = FilledShop::start().await;
    let mut expected: Vec<&Listed> = shop.orders.iter().collect();
    sort(&mut expected, "CREATED_ASC");
    let default = shop.node.api.run("{ orders { nodes { id } } }").await;
    let ids: Vec<String> = expected
        .iter()
        .take(100)
        .map(|order| order.id.clone())
        .collect();
    let nodes = ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
    assert_eq!(default.data("/orders/nodes"), json!(nodes));
    // Between two cursors.
    let edges = "{ orders(first: 9) { edges { cursor } } }";
    let edges = shop.node.api.run(edges).await.data("/orders/edges");
    let cursor = |n: usize| edges[n]["cursor"].as_str().expect("a cursor").to_owned();
    let between = format!(
        r#"{{ orders(first: 100, after: "{}", before: "{}") {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }}"#,
        cursor(1),
        cursor(5)
    );
    let between = shop.node.api.run(&between).await.data("/orders");
    assert_eq!(between["nodes"], json!(nodes[2..5]));
}
