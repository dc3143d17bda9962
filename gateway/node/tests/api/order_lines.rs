//! `Order.lines` and `Order.account`, alone and in lists.

use serde_json::{Value, json};

use crate::node::TestNode;

const ORDER: &str = "id account { id name }
    totalMoney { minorUnits currency }
    lines { id productId name quantity product { id name withdrawn }
        unitPrice { minorUnits currency } total { amount minorUnits } }
    products { name quantity priceMoney { minorUnits } }";

/// Two accounts with three orders each, of one to three lines.
async fn filled() -> (TestNode, Vec<String>) {
    let node = TestNode::start().await;
    let mut products = Vec::new();
    for n in 0..4 {
        let name = format!("Product {n}");
        products.push(node.api.new_product(&name, f64::from(n) + 0.25).await);
    }
    for name in ["Ada", "Bo"] {
        let account = node.api.new_account(name).await;
        for lines in 1..=3 {
            let line = |n: usize| (products[n].as_str(), n as i64 + 2);
            let lines: Vec<_> = (0..lines).map(line).collect();
            node.api.new_order(&account, &lines).await;
        }
    }
    (node, products)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_have_ids_products_and_exact_totals() {
    let (node, products) = filled().await;
    let withdrawn = "mutation($id: String!) {
        updateProduct(id: $id, name: \"Renamed\") { id } withdrawProduct(id: $id) { id } }";
    let variables = json!({ "id": products[1] });
    node.api
        .run_with(withdrawn, variables)
        .await
        .data("/withdrawProduct/id");
    let document = format!("{{ accounts {{ id name orders {{ {ORDER} }} }} }}");
    let accounts = node.api.run(&document).await.data("/accounts");
    let mut seen = 0;
    for account in list(&accounts) {
        for order in list(&account["orders"]) {
            seen += 1;
            assert_eq!(
                order["account"],
                json!({ "id": account["id"], "name": account["name"] })
            );
            let lines = list(&order["lines"]);
            let mut total = 0;
            for (n, line) in lines.iter().enumerate() {
                let id = order["id"].as_str().expect("an id");
                assert_eq!(line["id"], format!("{id}-{}", n + 1));
                assert_eq!(line["productId"], json!(products[n]));
                assert_eq!(line["product"]["id"], line["productId"]);
                // The line keeps the name; the product has the one of today.
                assert_eq!(line["name"], format!("Product {n}"));
                let today = if n == 1 {
                    "Renamed".into()
                } else {
                    format!("Product {n}")
                };
                assert_eq!(line["product"]["name"], today);
                assert_eq!(line["product"]["withdrawn"], n == 1);
                let price = line["unitPrice"]["minorUnits"].as_i64().expect("a price");
                let quantity = line["quantity"].as_i64().expect("a quantity");
                assert_eq!((price, quantity), (n as i64 * 100 + 25, n as i64 + 2));
                assert_eq!(line["total"]["minorUnits"], price * quantity);
                total += price * quantity;
                let same = &order["products"][n];
                assert_eq!(
                    same["priceMoney"]["minorUnits"],
                    line["unitPrice"]["minorUnits"]
                );
                assert_eq!(same["quantity"], line["quantity"]);
            }
            assert_eq!(list(&order["products"]).len(), lines.len());
            assert_eq!(order["totalMoney"]["minorUnits"], total);
        }
    }
    assert_eq!(seen, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_the_same_alone_and_in_every_list() {
    let (node, _) = filled().await;
    let document = format!(
        "{{ accounts {{ orders {{ {ORDER} }} ordersConnection {{ nodes {{ {ORDER} }}
            edges {{ node {{ {ORDER} }} }} }} }} }}"
    );
    let accounts = node.api.run(&document).await.data("/accounts");
    for account in list(&accounts) {
        let orders = &account["orders"];
        let connection = &account["ordersConnection"];
        assert_eq!(connection["nodes"], *orders);
        for (n, order) in list(orders).iter().enumerate() {
            assert_eq!(connection["edges"][n]["node"], *order);
            let alone = format!("query($id: String!) {{ order(id: $id) {{ {ORDER} }} }}");
            let alone = node
                .api
                .run_with(&alone, json!({ "id": order["id"] }))
                .await;
            assert_eq!(alone.data("/order"), *order);
            let by_node =
                format!("query($id: ID!) {{ node(id: $id) {{ ... on Order {{ {ORDER} }} }} }}");
            let by_node = node
                .api
                .run_with(&by_node, json!({ "id": order["id"] }))
                .await;
            assert_eq!(by_node.data("/node"), *order);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn placed_order_has_its_account_and_products() {
    let (node, products) = filled().await;
    let account = node.api.new_account("Cy").await;
    let document = format!(
        "mutation($account: String!, $product: String!) {{ createOrder(order: {{
            accountId: $account, products: [{{ productId: $product, quantity: 3 }}]
        }}) {{ {ORDER} }} }}"
    );
    let variables = json!({ "account": account, "product": products[2] });
    let order = node
        .api
        .run_with(&document, variables)
        .await
        .data("/createOrder");
    assert_eq!(order["account"], json!({ "id": account, "name": "Cy" }));
    assert_eq!(order["lines"][0]["product"]["name"], "Product 2");
    assert_eq!(
        order["lines"][0]["total"],
        json!({ "amount": "6.75", "minorUnits": 675 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_products_of_orders_take_one_read_each() {
    let (node, _) = filled().await;
    for (selection, at_most) in [
        ("id lines { id name }", 2),
        ("id account { name }", 3),
        ("id lines { product { name } } products { description }", 3),
        ("account { name orders { id } }", 4),
        (
            "account { name orders { account { name } lines { product { name } } } }",
            6,
        ),
    ] {
        let document = format!("{{ accounts {{ orders {{ {selection} }} }} }}");
        let document = document.replace("orders {", "orders(pagination: { take: 10 }) {");
        let before = node.read_statements().await;
        node.api.run(&document).await.data("/accounts/1/orders/2");
        let used = node.read_statements().await - before;
        assert_eq!(used, at_most, "{selection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_inside_accounts_inside_orders_are_counted() {
    let (node, _) = filled().await;
    let nested = "{ accounts(pagination: { take: 1000 }) { orders(pagination: { take: 100 }) {
        account { orders(pagination: { take: 2 }) { id } } } } }";
    let response = node.api.run(nested).await;
    assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX");
}
