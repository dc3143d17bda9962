//! Orders of accounts and products of orders are read for all at once, with the same result as one
//! by one.

use fritzy_testbed_shop::{Api, ids};
use serde_json::{Value, json};

use crate::node::TestNode;

/// More than the accounts of one statement, and more than the default page.
const ACCOUNTS: usize = 130;
const PRODUCTS: usize = 12;

/// Account `n` has `n % 4` orders; its order `m` has `1 + m` lines.
async fn filled() -> TestNode {
    let node = TestNode::start().await;
    let mut products = Vec::new();
    for n in 0..PRODUCTS {
        products.push(
            node.api
                .new_product(&format!("Product {n}"), n as f64 + 0.25)
                .await,
        );
    }
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        accounts.push(node.api.new_account(&format!("Account {n}")).await);
    }
    for (n, account) in accounts.iter().enumerate() {
        for m in 0..n % 4 {
            let line = |k: usize| (products[(n + k) % PRODUCTS].as_str(), (n + k + 1) as i64);
            let lines: Vec<_> = (0..=m).map(line).collect();
            node.api.new_order(account, &lines).await;
        }
    }
    node
}

const ORDER: &str = "id accountId createdAt totalPrice status
    products { id name description price quantity }";

async fn one_order(api: &Api, id: &str) -> Value {
    let document = format!(r#"{{ order(id: "{id}") {{ {ORDER} }} }}"#);
    api.run(&document).await.data("/order")
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_orders_equal_single_reads() {
    let node = filled().await;
    let document =
        format!("{{ accounts(pagination: {{ take: 1000 }}) {{ id name orders {{ {ORDER} }} }} }}");
    let all = node.api.run(&document).await.data("/accounts");
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), ACCOUNTS);
    for (n, account) in all.iter().enumerate() {
        assert_eq!(account["name"], format!("Account {n}"));
        let orders = account["orders"].as_array().expect("a list");
        assert_eq!(orders.len(), n % 4, "account {n}");
        let document = format!(
            "query($id: String) {{ accounts(id: $id) {{ id name orders {{ {ORDER} }} }} }}"
        );
        let alone = node
            .api
            .run_with(&document, json!({ "id": account["id"] }))
            .await;
        assert_eq!(alone.data("/accounts"), json!([account]));
        for (m, order) in orders.iter().enumerate() {
            assert_eq!(order["accountId"], account["id"]);
            assert_eq!(order["products"].as_array().map(Vec::len), Some(m + 1));
            assert_eq!(
                *order,
                one_order(&node.api, order["id"].as_str().expect("an id")).await
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_lists_take_one_statement_per_level() {
    let node = filled().await;
    for (selection, at_most) in [
        ("products { name }", 2),
        ("products { name description }", 3),
    ] {
        let document = format!(
            "{{ accounts(pagination: {{ take: 100 }}) {{
                name orders(pagination: {{ take: 10 }}) {{ id {selection} }}
            }} }}"
        );
        let before = node.read_statements().await;
        let all = node.api.run(&document).await.data("/accounts");
        let used = node.read_statements().await - before;
        let lists = all.as_array().expect("a list");
        let orders = lists.iter().filter_map(|one| one["orders"].as_array());
        assert_eq!((lists.len(), orders.flatten().count()), (100, 150));
        assert_eq!(used, at_most, "{selection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_connections_take_one_statement_per_level() {
    let node = filled().await;
    let node_of = |connection: &Value| connection["edges"][0]["node"].clone();
    for (orders, line, at_most) in [
        ("ordersConnection(first: 10)", "name", 2),
        ("ordersConnection(last: 10)", "name description", 3),
        ("orders(pagination: { take: 10 })", "name description", 3),
    ] {
        let selection = if orders.starts_with("orders(") {
            format!("id products {{ {line} }}")
        } else {
            format!("edges {{ node {{ id products {{ {line} }} }} }}")
        };
        let account = format!("name orders: {orders} {{ {selection} }}");
        for document in [
            format!("{{ list: accounts(pagination: {{ take: 100 }}) {{ {account} }} }}"),
            format!("{{ list: accountsConnection(first: 100) {{ nodes {{ {account} }} }} }}"),
            format!(
                "{{ list: accountsConnection(first: 100) {{ edges {{ node {{ {account} }} }} }} }}"
            ),
        ] {
            let before = node.read_statements().await;
            let response = node.api.run(&document).await;
            let used = node.read_statements().await - before;
            assert_eq!(used, at_most, "{document}");
            let ids = response.text.matches(r#""id":"#).count();
            assert_eq!(ids, 150, "{document}");
        }
    }
    // Batched reads equal single reads.
    let account = "ordersConnection(last: 2) { pageInfo { hasPreviousPage } edges { cursor node {
        id products { name description } } } nodes { products { description } } }";
    let all = format!("{{ accounts(pagination: {{ take: 1000 }}) {{ id {account} }} }}");
    let all = node.api.run(&all).await.data("/accounts");
    let mut described = 0;
    for one in all.as_array().expect("a list") {
        let document = format!("query($id: String) {{ accounts(id: $id) {{ id {account} }} }}");
        let alone = node.api.run_with(&document, json!({ "id": one["id"] }));
        assert_eq!(alone.await.data("/accounts/0"), *one);
        let line = &node_of(&one["ordersConnection"])["products"][0];
        described += usize::from(
            line["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
        );
    }
    assert!(described > 90, "{described} accounts have orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_nodes_have_descriptions() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    node.api.new_order(&account, &[(&product, 1)]).await;
    let document = "{ accounts { ordersConnection { nodes { products { description } } } } }";
    let lines = node.api.run(document).await;
    let line = lines.data("/accounts/0/ordersConnection/nodes/0/products/0/description");
    assert_eq!(line, "Lamp, described");
}

#[tokio::test(flavor = "multi_thread")]
async fn active_entities_are_read_without_a_statement() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let document = format!(r#"{{ accounts(id: "{account}") {{ name }} }}"#);
    let before = node.read_statements().await;
    node.api.run(&document).await;
    assert_eq!(node.read_statements().await - before, 1, "its first use");
    for _ in 0..20 {
        node.api.run(&document).await;
    }
    assert_eq!(node.read_statements().await - before, 1, "all later ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_lines_have_their_products_descriptions() {
    let node = filled().await;
    let products = node.api.run("{ products { id description } }").await;
    let products = products.data("/products");
    let document = "{ accounts { orders { products { id description } } } }";
    let accounts = node.api.run(document).await.data("/accounts");
    let lines = accounts.as_array().into_iter().flatten();
    let lines = lines.flat_map(|account| account["orders"].as_array().expect("a list"));
    let lines: Vec<&Value> = lines
        .flat_map(|order| order["products"].as_array().expect("a list"))
        .collect();
    assert!(lines.len() > 200, "{} lines", lines.len());
    let products = products.as_array().expect("a list");
    for line in lines {
        assert!(products.contains(line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_found_through_aliases_and_fragments() {
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    for n in 0..3 {
        let account = node.api.new_account(&format!("Account {n}")).await;
        node.api.new_order(&account, &[(&product, 1)]).await;
    }
    for document in [
        "{ accounts { orders { products { description } } } }",
        "{ accounts { orders { products { text: description } } } }",
        "{ accounts { orders { lines: products { description } } } }",
        "{ accounts { placed: orders { products { description } } } }",
        "{ everybody: accounts { orders { products { description } } } }",
        "{ accounts { ...A } } fragment A on Account { orders { ...O } }
         fragment O on Order { products { ...P } } fragment P on OrderedProduct { description }",
        "{ accounts { ... on Account { orders { ... { products { ... { description } } } } } } }",
        "{ accounts { orders { id } orders { products { description } } } }",
        "{ accounts { orders { products { id } products { description } } } }",
        "{ accounts { ids: orders { id } orders { products { description } } } }",
        "{ accounts { orders @include(if: true) { products { description @skip(if: false) } } } }",
        "query($page: PaginationInput = { take: 3 }) {
            accounts { orders(pagination: $page) { products { description } } }
        }",
        "{ accounts { orders(pagination: { skip: 0 }) { products { description } } } }",
    ] {
        let text = node.api.run(document).await.text;
        assert_eq!(
            text.matches("Lamp, described").count(),
            3,
            "{document}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_in_mutation_responses() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let document = "mutation($order: OrderInput!) {
        createOrder(order: $order) { id products { name description } }
    }";
    let order = fritzy_testbed_shop::order(&account, &[(&product, 1)]);
    let placed = node.api.run_with(document, json!({ "order": order })).await;
    let line = json!([{ "name": "Lamp", "description": "Lamp, described" }]);
    assert_eq!(placed.data("/createOrder/products"), line);
    let id = placed.text_at("/createOrder/id");
    for mutation in ["confirmOrder", "completeOrder"] {
        let document = format!(
            r#"mutation {{ {mutation}(id: "{id}") {{ products {{ name description }} }} }}"#
        );
        let moved = node.api.run(&document).await;
        assert_eq!(moved.data(&format!("/{mutation}/products")), line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_orders_has_an_empty_list() {
    let node = TestNode::start().await;
    let alone = node.api.new_account("Ada").await;
    let document =
        "query($id: String) { accounts(id: $id) { name orders { id products { description } } } }";
    let expected = json!({ "name": "Ada", "orders": [] });
    let listed = node.api.run_with(document, json!({})).await;
    assert_eq!(listed.data("/accounts"), json!([expected]));
    let read = node.api.run_with(document, json!({ "id": alone })).await;
    assert_eq!(read.data("/accounts"), json!([expected]));
    node.api.new_account("Bob").await;
    let listed = node.api.run_with(document, json!({})).await;
    let both = json!([expected, { "name": "Bob", "orders": [] }]);
    assert_eq!(listed.data("/accounts"), both);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alias_has_its_own_page() {
    let node = TestNode::start().await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let mut placed = Vec::new();
    for n in 0..3 {
        let account = node.api.new_account(&format!("Account {n}")).await;
        let mut orders = Vec::new();
        for _ in 0..n * 2 {
            orders.push(node.api.new_order(&account, &[(&product, 1)]).await);
        }
        placed.push((account, orders));
    }
    let document = "query($id: String, $take: Int, $page: PaginationInput) {
        accounts(id: $id) {
            id
            all: orders { id }
            null: orders(pagination: null) { id }
            first: orders(pagination: { take: 1 }) { id }
            rest: orders(pagination: { skip: 1 }) { id }
            none: orders(pagination: { take: 0 }) { id }
            some: orders(pagination: { skip: 1, take: $take }) { id }
            page: orders(pagination: $page) { id }
        }
    }";
    let variables = json!({ "take": 2, "page": { "skip": 3 } });
    let listed = node
        .api
        .run_with(document, variables.clone())
        .await
        .data("/accounts");
    for ((account, orders), seen) in placed.iter().zip(listed.as_array().expect("a list")) {
        assert_eq!(seen["id"], *account);
        let from = |skip: usize| &orders[skip.min(orders.len())..];
        let some: Vec<String> = from(1).iter().take(2).cloned().collect();
        for (alias, expected) in [
            ("all", from(0)),
            ("null", from(0)),
            ("first", &orders[..orders.len().min(1)]),
            ("rest", from(1)),
            ("none", &[]),
            ("some", &some),
            ("page", from(3)),
        ] {
            assert_eq!(ids(&seen[alias]), expected, "{alias} of {seen}");
        }
        let mut alone = variables.clone();
        alone["id"] = json!(account);
        let alone = node.api.run_with(document, alone).await;
        assert_eq!(alone.data("/accounts/0"), *seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_list_has_100_entries_by_default() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    node.api.new_account("Bob").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let line = format!(r#"products: [{{ productId: "{product}", quantity: 1 }}]"#);
    let fields: Vec<String> = (0..103)
        .map(|n| {
            format!(r#"n{n}: createOrder(order: {{ accountId: "{account}", {line} }}) {{ id }}"#)
        })
        .collect();
    let placed = node
        .api
        .run(&format!("mutation {{ {} }}", fields.join("\n")))
        .await;
    let placed = placed.data("");
    let placed: Vec<&str> = (0..103)
        .filter_map(|n| placed[format!("n{n}")]["id"].as_str())
        .collect();
    for id in ["null".to_owned(), format!(r#""{account}""#)] {
        let document = format!(
            "{{ accounts(id: {id}) {{
                orders {{ id }}
                rest: orders(pagination: {{ skip: 100 }}) {{ id }}
                all: orders(pagination: {{ take: 1000 }}) {{ id }}
            }} }}"
        );
        let listed = node.api.run(&document).await.data("/accounts/0");
        assert_eq!(ids(&listed["orders"]), placed[..100]);
        assert_eq!(ids(&listed["rest"]), placed[100..]);
        assert_eq!(ids(&listed["all"]), placed);
    }
}
