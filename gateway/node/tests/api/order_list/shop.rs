//! A shop with orders of all kinds, and the list of them as their accounts have it.

use fritzy_testbed_shop::Api;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::node::TestNode;

pub(super) const ORDERS: usize = 150;

/// An order as the list of its account has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) created_at: OffsetDateTime,
    pub(super) created_text: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) minor_units: i64,
    pub(super) products: Vec<String>,
}

impl Listed {
    pub(super) fn of(order: &Value) -> Self {
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

pub(super) struct FilledShop {
    pub(super) node: TestNode,
    pub(super) accounts: Vec<String>,
    pub(super) products: Vec<String>,
    pub(super) orders: Vec<Listed>,
}

/// Sends mutations, many in one document.
pub(super) async fn run_all(api: &Api, mutations: &[String]) {
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

pub(super) fn create_order(account: &str, lines: &[(&str, usize)]) -> String {
    let line = |(product, quantity): &(&str, usize)| {
        format!(r#"{{ productId: "{product}", quantity: {quantity} }}"#)
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    let lines = lines.join(", ");
    format!(r#"createOrder(order: {{ accountId: "{account}", products: [{lines}] }})"#)
}

pub(super) const SELECTED: &str =
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
    pub(super) async fn start() -> Self {
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
                if n % 5 == 1 && n.is_multiple_of(2) {
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
}

pub(super) const SORTS: [&str; 4] = ["CREATED_ASC", "CREATED_DESC", "TOTAL_ASC", "TOTAL_DESC"];

pub(super) fn sort(orders: &mut [&Listed], by: &str) {
    match by {
        "CREATED_ASC" | "CREATED_DESC" => orders.sort_by_key(|it| (it.created_at, it.id.clone())),
        _ => orders.sort_by_key(|it| (it.currency.clone(), it.minor_units, it.id.clone())),
    }
    if by.ends_with("_DESC") {
        orders.reverse();
    }
}

pub(super) fn document() -> String {
    format!(
        "query($filter: OrderFilter, $sort: OrderSort, $first: Int, $after: String, $last: Int, $before: String) {{
            orders(filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {{
                totalCount totalCountIsLowerBound
                pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
                nodes {{ {SELECTED} }} }} }}"
    )
}
