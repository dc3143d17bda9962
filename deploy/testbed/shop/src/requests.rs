//! Requests to the shop that many tests send: creating entities, and reading everything.

use crate::api_client::{Api, Response};
use serde_json::{Value, json};

impl Api {
    /// Sends a document with an idempotency key in the header.
    pub async fn run_under_key(&self, key: &str, document: &str, variables: Value) -> Response {
        let body = json!({ "query": document, "variables": variables });
        let request = self.post().header("idempotency-key", key);
        self.send(request, body.to_string()).await
    }

    /// Creates an account and returns its id.
    ///
    /// # Panics
    /// When the shop refuses, as all functions here.
    pub async fn new_account(&self, name: &str) -> String {
        let document =
            "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
        let created = self.run_with(document, json!({ "name": name })).await;
        created.text_at("/createAccount/id")
    }

    /// Creates a product with a price in the shop's currency, and returns its id.
    pub async fn new_product(&self, name: &str, price: f64) -> String {
        let document =
            "mutation($product: ProductInput!) { createProduct(product: $product) { id } }";
        let product =
            json!({ "name": name, "description": format!("{name}, described"), "price": price });
        let created = self.run_with(document, json!({ "product": product })).await;
        created.text_at("/createProduct/id")
    }

    /// Creates a product with a price in any currency, and returns its id.
    pub async fn new_priced_product(&self, name: &str, amount: &str, currency: &str) -> String {
        let document = "mutation($product: PricedProductInput!) { createPricedProduct(product: $product) { id } }";
        let price = json!({ "amount": amount, "currency": currency });
        let product = json!({ "name": name, "description": "", "price": price });
        let created = self.run_with(document, json!({ "product": product })).await;
        created.text_at("/createPricedProduct/id")
    }

    /// Places an order and returns its id.
    pub async fn new_order(&self, account: &str, lines: &[(&str, i64)]) -> String {
        let document = "mutation($order: OrderInput!) { createOrder(order: $order) { id } }";
        let placed = self
            .run_with(document, json!({ "order": order(account, lines) }))
            .await;
        placed.text_at("/createOrder/id")
    }

    /// All accounts with their orders, and all products, up to the limit of a page. The text is the
    /// same exactly when nothing was written in between.
    pub async fn everything(&self) -> String {
        let document = "{
            accounts(pagination: { take: 1000 }) {
                id name createdAt
                orders {
                    id status totalPrice createdAt products { id name price quantity }
                }
            }
            products(pagination: { take: 1000 }) { id name description price createdAt }
        }";
        let response = self.run(document).await;
        assert!(response.data("").is_object());
        response.text
    }
}

/// An `OrderInput` of product ids and quantities.
#[must_use]
pub fn order(account: &str, lines: &[(&str, i64)]) -> Value {
    let line =
        |(product, quantity): &(&str, i64)| json!({ "productId": product, "quantity": quantity });
    let lines: Vec<Value> = lines.iter().map(line).collect();
    json!({ "accountId": account, "products": lines })
}

/// The ids of a list of entities.
///
/// # Panics
/// When it is not one.
#[must_use]
pub fn ids(list: &Value) -> Vec<String> {
    let entries = list.as_array().expect("a list");
    let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
    entries.iter().map(id).collect()
}
