//! Idempotency keys over HTTP (requirement A8, I8): a repeated key is the same request, however
//! often it is sent, and whatever has changed since.

mod creations;
mod header;
mod restart;
mod transitions;

use fritzy_testbed_shop::{Api, Response};
use serde_json::{Value, json};

const CREATE_ORDER: &str = "mutation($order: OrderInput!, $key: String) {
    createOrder(order: $order, idempotencyKey: $key) {
        id accountId status totalPrice createdAt products { id name quantity }
    }
}";

async fn create_account(api: &Api, name: &str, key: &str) -> Response {
    let document = "mutation($name: String!, $key: String) {
        createAccount(account: { name: $name }, idempotencyKey: $key) { id name createdAt }
    }";
    api.run_with(document, json!({ "name": name, "key": key }))
        .await
}

async fn create_order(api: &Api, order: &Value, key: &str) -> Response {
    api.run_with(CREATE_ORDER, json!({ "order": order, "key": key }))
        .await
}

/// `confirmOrder`, `completeOrder` or `cancelOrder` with a key.
async fn move_order(api: &Api, mutation: &str, id: &str, key: &str) -> Response {
    let document = format!(
        "mutation($id: String!, $key: String) {{
            {mutation}(id: $id, idempotencyKey: $key) {{ id status cancelReason totalPrice }}
        }}"
    );
    api.run_with(&document, json!({ "id": id, "key": key }))
        .await
}

async fn status_of(api: &Api, order: &str) -> String {
    let document = "query($id: String!) { order(id: $id) { status } }";
    let read = api.run_with(document, json!({ "id": order })).await;
    read.text_at("/order/status")
}
