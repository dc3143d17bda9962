//! The shop through its API: making what a test needs, and reading all there is.

use serde_json::{Value, json};

use crate::client::{Answer, Api};

impl Api {
    /// Sends a document under the header's idempotency key.
    pub(crate) async fn run_under_key(
        &self,
        key: &str,
        document: &str,
        variables: Value,
    ) -> Answer {
        let body = json!({ "query": document, "variables": variables });
        let request = self.post().header("idempotency-key", key);
        self.send(request, body.to_string()).await
    }

    /// Creates an account and answers its id.
    pub(crate) async fn new_account(&self, name: &str) -> String {
        let document =
            "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
        let created = self.run_with(document, json!({ "name": name })).await;
        created.text_at("/createAccount/id")
    }

    /// Creates a product, its price in the shop's currency, and answers its id.
    pub(crate) async fn new_product(&self, name: &str, price: f64) -> String {
        let document =
            "mutation($product: ProductInput!) { createProduct(product: $product) { id } }";
        let product =
            json!({ "name": name, "description": format!("{name}, described"), "price": price });
        let created = self.run_with(document, json!({ "product": product })).await;
        created.text_at("/createProduct/id")
    }

    /// Creates a product in a currency, and answers its id.
    pub(crate) async fn new_priced_product(
        &self,
        name: &str,
        amount: &str,
        currency: &str,
    ) -> String {
        let document = "mutation($product: PricedProductInput!) { createPricedProduct(product: $product) { id } }";
        let price = json!({ "amount": amount, "currency": currency });
        let product = json!({ "name": name, "description": "", "price": price });
        let created = self.run_with(document, json!({ "product": product })).await;
        created.text_at("/createPricedProduct/id")
    }

    /// Places an order and answers its id.
    pub(crate) async fn new_order(&self, account: &str, lines: &[(&str, i64)]) -> String {
        let document = "mutation($order: OrderInput!) { createOrder(order: $order) { id } }";
        let placed = self
            .run_with(document, json!({ "order": order(account, lines) }))
            .await;
        placed.text_at("/createOrder/id")
    }

    /// All accounts with their orders, and all products, up to a page's limit: the text is the
    /// same exactly when nothing was written in between.
    pub(crate) async fn everything(&self) -> String {
        let document = "{
            accounts(pagination: { take: 1000 }) {
                id name createdAt
                orders {
                    id status totalPrice createdAt products { id name price quantity }
                }
            }
            products(pagination: { take: 1000 }) { id name description price createdAt }
        }";
        let answer = self.run(document).await;
        assert!(answer.data("").is_object());
        answer.text
    }
}

/// An `OrderInput`.
pub(crate) fn order(account: &str, lines: &[(&str, i64)]) -> Value {
    let line =
        |(product, quantity): &(&str, i64)| json!({ "productId": product, "quantity": quantity });
    let lines: Vec<Value> = lines.iter().map(line).collect();
    json!({ "accountId": account, "products": lines })
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<String> {
    let entries = list.as_array().expect("a list");
    let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
    entries.iter().map(id).collect()
}
