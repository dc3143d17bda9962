//! Documents of clients of the original API: the types of their variables still fit, and what they
//! leave out stays optional.

use fritzy_testbed_shop::{ids, order};
use serde_json::{Value, json};

use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn scalar_variables_are_accepted() {
    let node = TestNode::start().await;
    let created = node
        .api
        .run_with(
            "mutation NewProduct($name: String!, $description: String!, $price: Float!) {
                createProduct(product: { name: $name, description: $description, price: $price }) {
                    id name description price
                }
            }",
            json!({ "name": "Lamp", "description": "It shines", "price": 14.66 }),
        )
        .await;
    assert_eq!(created.data("/createProduct/description"), "It shines");
    let product = created.text_at("/createProduct/id");
    let created = node
        .api
        .run_with(
            "mutation NewAccount($name: String!) { createAccount(account: { name: $name }) { id } }",
            json!({ "name": "Ada" }),
        )
        .await;
    let account = created.text_at("/createAccount/id");
    let placed = node
        .api
        .run_with(
            "mutation NewOrder($account: String!, $product: String!, $quantity: Int!) {
                createOrder(order: {
                    accountId: $account, products: [{ productId: $product, quantity: $quantity }]
                }) { id totalPrice products { id name description price quantity } }
            }",
            json!({ "account": account, "product": product, "quantity": 3 }),
        )
        .await;
    assert!(placed.text.contains(r#""totalPrice":43.98,"#), "{placed:?}");
    assert_eq!(placed.data("/createOrder/products/0/quantity"), 3);
    assert_eq!(placed.data("/createOrder/products/0/id"), product);
}

#[tokio::test(flavor = "multi_thread")]
async fn input_object_variables_are_accepted() {
    let node = TestNode::start().await;
    let account = node
        .api
        .run_with(
            "mutation($account: AccountInput!) { createAccount(account: $account) { id } }",
            json!({ "account": { "name": "Ada" } }),
        )
        .await
        .text_at("/createAccount/id");
    let product = node
        .api
        .run_with(
            "mutation($product: ProductInput!) { createProduct(product: $product) { id } }",
            json!({ "product": { "name": "Lamp", "description": "", "price": 5 } }),
        )
        .await
        .text_at("/createProduct/id");
    let whole = "mutation($order: OrderInput!) { createOrder(order: $order) { id } }";
    let lines = "mutation($id: String!, $products: [OrderProductInput!]!) {
        createOrder(order: { accountId: $id, products: $products }) { id }
    }";
    let order = order(&account, &[(&product, 1)]);
    let first = node.api.run_with(whole, json!({ "order": order })).await;
    let variables = json!({ "id": account, "products": order["products"] });
    let second = node.api.run_with(lines, variables).await;
    let placed = [
        first.text_at("/createOrder/id"),
        second.text_at("/createOrder/id"),
    ];
    let listed = node.api.run("{ accounts { orders { id } } }").await;
    assert_eq!(ids(&listed.data("/accounts/0/orders")), placed);
}

#[tokio::test(flavor = "multi_thread")]
async fn optional_variables_may_be_null_or_absent() {
    let node = TestNode::start().await;
    let mut accounts = Vec::new();
    for name in ["Ada", "Bob", "Cy"] {
        accounts.push(node.api.new_account(name).await);
    }
    let by_parts = "query($skip: Int, $take: Int, $id: String) {
        accounts(pagination: { skip: $skip, take: $take }, id: $id) { id }
    }";
    let by_page = "query($page: PaginationInput, $id: String) {
        accounts(pagination: $page, id: $id) { id }
    }";
    for (document, variables, expected) in [
        (by_parts, json!({}), &accounts[..]),
        (by_parts, Value::Null, &accounts[..]),
        (
            by_parts,
            json!({ "skip": null, "take": null, "id": null }),
            &accounts[..],
        ),
        (by_parts, json!({ "skip": 1 }), &accounts[1..]),
        (by_parts, json!({ "take": 2 }), &accounts[..2]),
        (by_parts, json!({ "skip": 1, "take": 1 }), &accounts[1..2]),
        (by_parts, json!({ "id": accounts[2] }), &accounts[2..]),
        (by_page, json!({}), &accounts[..]),
        (by_page, json!({ "page": null, "id": null }), &accounts[..]),
        (by_page, json!({ "page": {} }), &accounts[..]),
        (
            by_page,
            json!({ "page": { "skip": 2, "take": 10 } }),
            &accounts[2..],
        ),
        (
            by_page,
            json!({ "page": { "skip": 2, "take": 10 }, "id": accounts[0] }),
            &accounts[..1],
        ),
    ] {
        let listed = node.api.run_with(document, variables.clone()).await;
        assert_eq!(ids(&listed.data("/accounts")), expected, "{variables}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_read_by_id_and_in_pages() {
    let node = TestNode::start().await;
    let lamp = node.api.new_product("Lamp", 14.66).await;
    let desk = node.api.new_product("Desk", 250.0).await;
    let document = "query($page: PaginationInput, $query: String, $id: String) {
        products(pagination: $page, query: $query, id: $id) { id name description price }
    }";
    let all = node.api.run_with(document, json!({})).await;
    assert_eq!(ids(&all.data("/products")), [lamp.clone(), desk.clone()]);
    let page = json!({ "page": { "skip": 1, "take": 1 }, "query": null });
    let paged = node.api.run_with(document, page).await;
    assert_eq!(ids(&paged.data("/products")), [desk]);
    let one = node.api.run_with(document, json!({ "id": lamp })).await;
    let product =
        format!(r#"{{"id":"{lamp}","name":"Lamp","description":"Lamp, described","price":14.66}}"#);
    assert_eq!(
        one.text,
        format!(r#"{{"data":{{"products":[{product}]}}}}"#)
    );
}
