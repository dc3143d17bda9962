//! Accounts and products to measure with, made over GraphQL, shaped as those of the real file.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::{BenchError, CallError, GraphqlClient};

/// Requests under way while things are made.
const MAKING_MAX: usize = 64;
/// For one of these requests: the node's own limit.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const CREATE_ACCOUNT: &str = "mutation CreateAccount($account: AccountInput!) { made: createAccount(account: $account) { id } }";
const CREATE_PRODUCT: &str = "mutation CreateProduct($product: ProductInput!) { made: createProduct(product: $product) { id } }";

#[derive(Deserialize)]
struct Answer {
    made: Made,
}

#[derive(Deserialize)]
struct Made {
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

/// Makes so many accounts; their ids in sequence.
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

/// Makes so many products; their ids in sequence.
pub(super) async fn create_products(
    client: &GraphqlClient,
    count: usize,
) -> Result<Vec<String>, BenchError> {
    let variables = |number| {
        let price = RawValue::from_string(price_text(number)).expect("a decimal is JSON");
        let name = product_name(number);
        // Put together by hand, so that the price is sent as the text of the number.
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
    let making = (0..count).map(|number| {
        let variables = variables(number);
        async move {
            let answer: Answer = ask(client, document, &variables).await?;
            Ok(answer.made.id)
        }
    });
    stream::iter(making)
        .buffered(MAKING_MAX)
        .try_collect()
        .await
}

/// Has `ask_one` run for 0 to `count`, some at a time, until one fails.
pub(super) async fn for_each<Task: Future<Output = Result<(), CallError>>>(
    count: usize,
    ask_one: impl Fn(usize) -> Task,
) -> Result<(), CallError> {
    stream::iter((0..count).map(ask_one))
        .buffer_unordered(MAKING_MAX)
        .try_collect()
        .await
}

/// One request and its whole answer.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
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

/// Variables as they are sent.
pub(super) fn json(variables: &serde_json::Value) -> Box<RawValue> {
    to_raw_value(variables).expect("a value is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_look_like_those_of_the_file() {
        assert_eq!(product_name(966), "CD at 14.66");
        assert_eq!(price_text(5), "5.05");
        assert_eq!(account_name(4), "c00004");
    }
}
