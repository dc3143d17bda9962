//! Accounts and products for measurements, created over GraphQL, in the shape of the real file's.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::{BenchError, CallError, GraphqlClient};

/// Concurrent requests during creation.
const CREATING_MAX: usize = 64;
/// The time limit of one of these requests, as in a node.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const CREATE_ACCOUNT: &str = "mutation CreateAccount($account: AccountInput!) { created: createAccount(account: $account) { id } }";
const CREATE_PRODUCT: &str = "mutation CreateProduct($product: ProductInput!) { created: createProduct(product: $product) { id } }";

#[derive(Deserialize)]
struct Response {
    created: Created,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

/// The name of account number n, `c00017`.
pub(super) fn account_name(number: usize) -> String {
    format!("c{number:05}")
}

/// The price of product number n in cents: from 5.00 upwards.
pub(super) fn price_cents(number: usize) -> usize {
    500 + number
}

/// The price of product number n as decimal text.
pub(super) fn price_text(number: usize) -> String {
    let cents = price_cents(number);
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The name of product number n, `CD at 14.66`.
pub(super) fn product_name(number: usize) -> String {
    format!("CD at {}", price_text(number))
}

/// Creates accounts; returns their ids in the order of their numbers.
pub(super) async fn create_accounts(
    client: &GraphqlClient,
    count: usize,
) -> Result<Vec<String>, BenchError> {
    let variables =
        |number| json(&serde_json::json!({ "account": { "name": account_name(number) } }));
    create(client, CREATE_ACCOUNT, count, variables)
        .await
        .map_err(BenchError::preparing("accounts"))
}

/// Creates products; returns their ids in the order of their numbers.
pub(super) async fn create_products(
    client: &GraphqlClient,
    count: usize,
) -> Result<Vec<String>, BenchError> {
    let variables = |number| {
        let price = RawValue::from_string(price_text(number)).expect("a decimal is JSON");
        let name = product_name(number);
        // Built by hand, so that the price is sent as the text of the number.
        let text = format!(
            "{{\"product\":{{\"name\":\"{name}\",\"description\":\"\",\"price\":{price}}}}}"
        );
        RawValue::from_string(text).expect("names and prices need no escapes")
    };
    create(client, CREATE_PRODUCT, count, variables)
        .await
        .map_err(BenchError::preparing("products"))
}

async fn create(
    client: &GraphqlClient,
    document: &str,
    count: usize,
    variables: impl Fn(usize) -> Box<RawValue>,
) -> Result<Vec<String>, CallError> {
    let creating = (0..count).map(|number| {
        let variables = variables(number);
        async move {
            let response: Response = send(client, document, &variables).await?;
            Ok(response.created.id)
        }
    });
    stream::iter(creating)
        .buffered(CREATING_MAX)
        .try_collect()
        .await
}

/// Runs `request_one` for 0 to `count`, some concurrently, until one fails.
pub(super) async fn for_each<Task: Future<Output = Result<(), CallError>>>(
    count: usize,
    request_one: impl Fn(usize) -> Task,
) -> Result<(), CallError> {
    stream::iter((0..count).map(request_one))
        .buffer_unordered(CREATING_MAX)
        .try_collect()
        .await
}

/// Sends one request and decodes its response.
pub(super) async fn send<T: serde::de::DeserializeOwned>(
    client: &GraphqlClient,
    document: &str,
    variables: &RawValue,
) -> Result<T, CallError> {
    let deadline = Instant::now() + TIME_LIMIT;
    client
        .execute(document, variables, deadline)
        .await?
        .decode()
}

/// The variables as JSON text.
pub(super) fn json(variables: &serde_json::Value) -> Box<RawValue> {
    to_raw_value(variables).expect("a value is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prices_have_the_shape_of_the_real_file() {
        assert_eq!(product_name(966), "CD at 14.66");
        assert_eq!(price_text(5), "5.05");
        assert_eq!(account_name(4), "c00004");
    }
}
