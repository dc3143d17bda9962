//! The list of all orders: filters, sort orders and pages against a list filtered in the test, and
//! walks while others write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fritzy_testbed_shop::{Api, ApiError};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::node::TestNode;

const ORDERS: usize = 150;

/// An order as the list of its account has it.
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    id: String,
    account: String,
    created_at: OffsetDateTime,
    created_text: String,
    status: String,
    currency: String,
    minor_units: i64,
    products: Vec<String>,
}

impl Listed {
    fn of(order: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let created_text = text(&order["createdAt"]);
        let products = order["products"].as_array().expect("a list").iter();
        Self {
            id: text(&order["id"]),
            account: text(&order["accountId"]),
            created_at: OffsetDateTime::parse(&created_text, &Rfc3339).expect("RFC 3339"),
            created_text,
            status: text(&order["status"]),
            currency: text(&order["totalMoney"]["currency"]),
            minor_units: order["totalMoney"]["minorUnits"]
                .as_i64()
                .expect("a number"),
            products: products.map(|line| text(&line["id"])).collect(),
        }
    }
}

struct FilledShop {
    node: TestNode,
    accounts: Vec<String>,
    products: Vec<String>,
    orders: Vec<Listed>,
}

/// Sends mutations, many in one document.
async fn run_all(api: &Api, mutations: &[String]) {
    for chunk in mutations.chunks(50) {
        let fields = chunk.iter().enumerate();
        let fields: Vec<String> = fields
            .map(|(n, it)| format!("n{n}: {it} {{ id }}"))
            .collect();
        api.run(&format!("mutation {{ {} }}", fields.join(" ")))
            .await
            .data("");
    }
}

fn create_order(account: &str, lines: &[(&str, usize)]) -> String {
    let line = |(product, quantity): &(&str, usize)| {
        format!(r#"{{ productId: "{product}", quantity: {quantity} }}"#)
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    let lines = lines.join(", ");
    format!(r#"createOrder(order: {{ accountId: "{account}", products: [{lines}] }})"#)
}

const SELECTED: &str =
    "id accountId createdAt status totalMoney { currency minorUnits } products { id }";

/// All orders, by the lists of their accounts.
async fn by_account(api: &Api) -> Vec<Listed> {
    let document = format!(
        "{{ accountsConnection {{ nodes {{ ordersConnection(first: 1000) {{ nodes {{ {SELECTED} }} }} }} }} }}"
    );
    let accounts = api.run(&document).await.data("/accountsConnection/nodes");
    let accounts = accounts.as_array().expect("a list").iter();
    let orders = accounts.flat_map(|account| {
        let orders = account["ordersConnection"]["nodes"].as_array();
        orders
            .expect("a list")
            .iter()
            .map(Listed::of)
            .collect::<Vec<_>>()
    });
    orders.collect()
}

impl FilledShop {
    /// Orders of four accounts, of five products in three currencies, in all statuses.
    async fn start() -> Self {
        let node = TestNode::start().await;
        let api = &node.api;
        let mut accounts = Vec::new();
        for name in ["Ada", "Bob", "Eve", "Zoe"] {
            accounts.push(api.new_account(name).await);
        }
        let mut products = Vec::new();
        for (n, currency) in ["USD", "USD", "USD", "EUR", "JPY"].iter().enumerate() {
            let name = format!("Product {n}");
            products.push(
                api.new_priced_product(&name, &format!("{n}0"), currency)
                    .await,
            );
        }
        let creations: Vec<String> = (0..ORDERS)
            .map(|n| {
                // Zoe has no orders.
                let account = &accounts[n % 3];
                let product = &products[n % 5];
                let mut lines = vec![(product.as_str(), 1 + n % 4)];
                if n % 5 == 1 && n % 2 == 0 {
                    lines.push((products[2].as_str(), 1));
                }
                create_order(account, &lines)
            })
            .collect();
        run_all(api, &creations).await;
        let placed = by_account(api).await;
        let mut changes = Vec::new();
        for (n, Listed { id, .. }) in placed.iter().enumerate() {
            match n % 6 {
                0 | 1 => {}
                2 => changes.push(format!(r#"cancelOrder(id: "{id}")"#)),
                3 => changes.push(format!(r#"confirmOrder(id: "{id}")"#)),
                _ => {
                    changes.push(format!(r#"confirmOrder(id: "{id}")"#));
                    changes.push(format!(r#"completeOrder(id: "{id}")"#));
                }
            }
        }
        run_all(api, &changes).await;
        let orders = by_account(api).await;
        assert_eq!(orders.len(), ORDERS);
        Self {
            node,
            accounts,
            products,
            orders,
        }
    }

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

const SORTS: [&str; 4] = ["CREATED_ASC", "CREATED_DESC", "TOTAL_ASC", "TOTAL_DESC"];

fn sort(orders: &mut [&Listed], by: &str) {
    match by {
        "CREATED_ASC" | "CREATED_DESC" => orders.sort_by_key(|it| (it.created_at, it.id.clone())),
        _ => orders.sort_by_key(|it| (it.currency.clone(), it.minor_units, it.id.clone())),
    }
    if by.ends_with("_DESC") {
        orders.reverse();
    }
}

fn document() -> String {
    format!(
        "query($filter: OrderFilter, $sort: OrderSort, $first: Int, $after: String, $last: Int, $before: String) {{
            orders(filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {{
                totalCount totalCountIsLowerBound
                pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
                nodes {{ {SELECTED} }} }} }}"
    )
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

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_another_order_list_is_refused() {
    let shop = FilledShop::start().await;
    let api = &shop.node.api;
    let mut cursors = BTreeMap::new();
    for by in SORTS {
        let first = api
            .run_with(&document(), json!({ "sort": by, "first": 1 }))
            .await;
        cursors.insert(by, first.text_at("/orders/pageInfo/endCursor"));
    }
    let account = &shop.accounts[0];
    let of_account = format!(
        r#"{{ accounts(id: "{account}") {{ ordersConnection(first: 1) {{ edges {{ cursor }} }} }} }}"#
    );
    let of_account = api.run(&of_account).await;
    cursors.insert(
        "",
        of_account.text_at("/accounts/0/ordersConnection/edges/0/cursor"),
    );
    for by in SORTS {
        for (own, cursor) in &cursors {
            for place in ["after", "before"] {
                let mut arguments = json!({ "sort": by });
                arguments[place] = json!(cursor);
                let response = api.run_with(&document(), arguments).await;
                if *own == by {
                    assert_eq!(response.json().get("errors"), None, "{response:?}");
                } else {
                    let expected = ApiError::argument(place, "NOT_A_CURSOR");
                    assert_eq!(response.api_error(), expected, "{own} in {by}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_order_filters_are_named() {
    let node = TestNode::start().await;
    for (arguments, field, reason) in [
        (
            json!({ "filter": { "accountId": "Ada" } }),
            "filter.accountId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "accountId": "" } }),
            "filter.accountId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "productId": 7 } }),
            "filter.productId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "currency": "usd" } }),
            "filter.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "currency": "" } }),
            "filter.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "status": vec!["CREATED"; 5] } }),
            "filter.status",
            "TOO_MANY",
        ),
        (
            json!({ "filter": { "totalMin": { "amount": "much" } } }),
            "filter.totalMin.amount",
            "NOT_A_NUMBER",
        ),
        (
            json!({ "filter": { "totalMax": { "amount": "1.001" } } }),
            "filter.totalMax.amount",
            "TOO_MANY_DECIMALS",
        ),
        (
            json!({ "filter": { "totalMin": { "amount": "1", "currency": "XXX" } } }),
            "filter.totalMin.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "currency": "EUR", "totalMin": { "amount": "1", "currency": "USD" } } }),
            "filter.totalMin.currency",
            "NOT_WITH",
        ),
        (json!({ "first": 1_001 }), "first", "OUT_OF_RANGE"),
        (json!({ "last": -1 }), "last", "OUT_OF_RANGE"),
        (json!({ "first": 1, "last": 1 }), "last", "NOT_WITH"),
        (json!({ "after": "nope" }), "after", "NOT_A_CURSOR"),
    ] {
        let response = node.api.run_with(&document(), arguments.clone()).await;
        assert_eq!(
            response.api_error(),
            ApiError::argument(field, reason),
            "{arguments}"
        );
    }
    for arguments in [
        json!({ "filter": { "createdFrom": "yesterday" } }),
        json!({ "filter": { "status": ["LOST"] } }),
        json!({ "filter": { "owner": "Ada" } }),
        json!({ "sort": "NEWEST" }),
    ] {
        let response = node.api.run_with(&document(), arguments.clone()).await;
        assert_eq!(response.code(), "BAD_USER_INPUT", "{arguments}");
    }
}

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
