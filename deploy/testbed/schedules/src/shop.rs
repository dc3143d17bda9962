//! The requests of the clients as documents of the API, and what their responses say.

use std::time::Duration;

use fritzy_testbed_shop::Api;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::observation::{Change, Outcome, Quote, Request, View};

/// Entries of a history that are read; more than a run writes to one entity.
const HISTORY_MAX: u32 = 1_000;

/// The kind of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Account,
    Product,
    Order,
}

/// A node, and how long a client waits for its responses.
#[derive(Debug, Clone)]
pub(crate) struct PatientApi {
    pub(crate) api: Api,
    pub(crate) patience: Duration,
}

/// What a response says.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) outcome: Outcome,
    /// The id of the entity, where the response has it.
    pub(crate) id: Option<String>,
    pub(crate) quote: Option<Quote>,
}

/// What an order is placed for.
#[derive(Debug, Clone)]
pub(crate) struct Basket {
    pub(crate) account: String,
    pub(crate) product: String,
}

const ACCOUNT: &str = "id version name";
const PRODUCT: &str = "id version name priceMoney { minorUnits }";
const ORDER: &str = "id version status products { id name quantity priceMoney { minorUnits } }";

/// Sends a request for an entity.
pub(crate) async fn send(api: &PatientApi, kind: Kind, id: &str, wanted: &Request) -> Said {
    let (document, field, variables) = match wanted {
        Request::Read => read(kind, id),
        Request::ReadHistory => {
            let document = "query($id: String!, $take: Int) {
                history(id: $id, pagination: { take: $take }) { version type data } }";
            let variables = json!({ "id": id, "take": HISTORY_MAX });
            (document.to_owned(), "history", variables)
        }
        Request::Change {
            change,
            key,
            expected,
        } => change_document(kind, id, change, key.as_deref(), *expected),
    };
    exchange(api, &document, field, variables, Some(id)).await
}

/// Places an order of this quantity.
pub(crate) async fn place(api: &PatientApi, basket: &Basket, quantity: u64, key: &str) -> Said {
    let document = format!(
        "mutation($order: OrderInput!, $key: String) {{
            createOrder(order: $order, idempotencyKey: $key) {{ {ORDER} }} }}"
    );
    let lines = json!([{ "productId": basket.product, "quantity": quantity }]);
    let order = json!({ "accountId": basket.account, "products": lines });
    let variables = json!({ "order": order, "key": key });
    exchange(api, &document, "createOrder", variables, None).await
}

/// Creates an account, or a product with this price.
pub(crate) async fn create(api: &PatientApi, kind: Kind, name: &str, price: u64) -> Said {
    let (document, field, input) = match kind {
        Kind::Product => {
            let price = json!({ "amount": decimal(price) });
            let input = json!({ "name": name, "description": "", "price": price });
            let document = format!(
                "mutation($input: PricedProductInput!) {{
                    createPricedProduct(product: $input) {{ {PRODUCT} }} }}"
            );
            (document, "createPricedProduct", input)
        }
        _ => {
            let document = format!(
                "mutation($input: AccountInput!) {{ createAccount(account: $input) {{ {ACCOUNT} }} }}"
            );
            (document, "createAccount", json!({ "name": name }))
        }
    };
    exchange(api, &document, field, json!({ "input": input }), None).await
}

fn read(kind: Kind, id: &str) -> (String, &'static str, Value) {
    let (field, document) = match kind {
        Kind::Account => {
            let document = format!("query($id: String!) {{ accounts(id: $id) {{ {ACCOUNT} }} }}");
            ("accounts", document)
        }
        Kind::Product => {
            let document = format!("query($id: String!) {{ products(id: $id) {{ {PRODUCT} }} }}");
            ("products", document)
        }
        Kind::Order => {
            let document = format!("query($id: String!) {{ order(id: $id) {{ {ORDER} }} }}");
            ("order", document)
        }
    };
    (document, field, json!({ "id": id }))
}

fn change_document(
    kind: Kind,
    id: &str,
    change: &Change,
    key: Option<&str>,
    expected: Option<u64>,
) -> (String, &'static str, Value) {
    let fields = match kind {
        Kind::Account => ACCOUNT,
        Kind::Product => PRODUCT,
        Kind::Order => ORDER,
    };
    let (field, parameter, argument, value) = match (kind, change) {
        (Kind::Account, Change::Renamed(name)) => ("renameAccount", "String!", "name", json!(name)),
        (_, Change::Renamed(name)) => ("updateProduct", "String", "name", json!(name)),
        (_, Change::Repriced(price)) => {
            let price = json!({ "amount": decimal(*price) });
            ("repriceProduct", "MoneyInput!", "price", price)
        }
        (_, Change::Confirmed) => ("confirmOrder", "", "", Value::Null),
        (_, Change::Completed) => ("completeOrder", "", "", Value::Null),
        (_, Change::Cancelled(reason)) => ("cancelOrder", "String", "reason", json!(reason)),
        (_, Change::Created { .. } | Change::Placed(_)) => {
            unreachable!("an entity that exists is not created")
        }
    };
    let (declared, passed) = match argument {
        "" => (String::new(), String::new()),
        _ => (
            format!(", $value: {parameter}"),
            format!(", {argument}: $value"),
        ),
    };
    let document = format!(
        "mutation($id: String!, $expected: Int, $key: String{declared}) {{
            {field}(id: $id, expectedVersion: $expected, idempotencyKey: $key{passed}) {{ {fields} }} }}"
    );
    let mut variables = json!({ "id": id, "expected": expected, "key": key });
    if !argument.is_empty() {
        variables["value"] = value;
    }
    (document, field, variables)
}

async fn exchange(
    PatientApi { api, patience }: &PatientApi,
    document: &str,
    field: &str,
    variables: Value,
    id: Option<&str>,
) -> Said {
    let body = json!({ "query": document, "variables": variables });
    let sending = api.try_send(api.post(), body.to_string());
    let outcome = match timeout(*patience, sending).await {
        Err(_) => Outcome::Unknown(format!("no response within {patience:?}")),
        // Nobody listened: nothing was sent.
        Ok(Err(failure)) if failure.contains("(Connect,") => Outcome::NotDone(failure),
        Ok(Err(failure)) => Outcome::Unknown(failure),
        Ok(Ok(response)) => {
            let Ok(json) = serde_json::from_str::<Value>(&response.text) else {
                return Said::only(Outcome::Unknown(format!("no JSON: {response:?}")));
            };
            return said(&json, field, id);
        }
    };
    Said::only(outcome)
}

impl Said {
    const fn only(outcome: Outcome) -> Self {
        Self {
            outcome,
            id: None,
            quote: None,
        }
    }
}

fn said(json: &Value, field: &str, id: Option<&str>) -> Said {
    if let Some(code) = json["errors"][0]["extensions"]["code"].as_str() {
        return Said::only(refusal(code, json));
    }
    let found = &json["data"][field];
    if field == "history" {
        let entries = found.as_array().map_or(&[][..], Vec::as_slice);
        let changes: Option<Vec<Change>> = entries.iter().map(recorded).collect();
        let seen = changes.map(Outcome::SeenHistory);
        return Said::only(seen.unwrap_or_else(|| Outcome::Unknown(json.to_string())));
    }
    let entity = found.get(0).unwrap_or(found);
    let (Some(of), Some(version)) = (entity["id"].as_str(), entity["version"].as_u64()) else {
        return Said::only(Outcome::Unknown(json.to_string()));
    };
    // A response about another entity is not an unknown outcome.
    assert!(
        id.is_none_or(|id| id == of),
        "I3: {id:?} was sent, and {json} received"
    );
    let text = |field: &str| entity[field].as_str().unwrap_or_default().to_owned();
    let line = &entity["products"][0];
    Said {
        outcome: Outcome::Seen(View {
            version,
            name: text("name"),
            price: minor_units(&entity["priceMoney"]),
            status: text("status"),
        }),
        id: Some(of.to_owned()),
        quote: line["id"].as_str().map(|product| Quote {
            product: product.to_owned(),
            name: line["name"].as_str().unwrap_or_default().to_owned(),
            price: minor_units(&line["priceMoney"]),
        }),
    }
}

/// What an error code promises (docs/errors.md).
fn refusal(code: &str, json: &Value) -> Outcome {
    match code {
        "UNAVAILABLE" | "OVERLOADED" => Outcome::NotDone(code.to_owned()),
        "VERSION_MISMATCH" => Outcome::VersionMismatch,
        "ILLEGAL_TRANSITION" => Outcome::Illegal,
        "ACCOUNT_NOT_FOUND" | "PRODUCT_NOT_FOUND" | "ORDER_NOT_FOUND" | "NOT_FOUND" => {
            Outcome::NotFound
        }
        "DEADLINE_EXCEEDED" | "INTERNAL" => Outcome::Unknown(code.to_owned()),
        _ => Outcome::Unknown(json.to_string()),
    }
}

/// The change in an entry of a history; `None` for one that no client requests.
fn recorded(entry: &Value) -> Option<Change> {
    let data = &entry["data"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(match entry["type"].as_str()? {
        "account.created" => Change::Created {
            name: text(&data["personal"]["name"])?,
            price: 0,
        },
        "account.renamed" => Change::Renamed(text(&data["personal"]["name"])?),
        "product.created" => Change::Created {
            name: text(&data["name"])?,
            price: data["price"]["minor"].as_u64()?,
        },
        "product.updated" => Change::Renamed(text(&data["name"])?),
        "product.repriced" => Change::Repriced(data["price"]["minor"].as_u64()?),
        "order.created" => Change::Placed(data["lines"][0]["quantity"].as_u64()?),
        "order.confirmed" => Change::Confirmed,
        "order.completed" => Change::Completed,
        "order.cancelled" => Change::Cancelled(text(&data["reason"])?),
        _ => return None,
    })
}

/// `MinorUnits` is a number or a text, for clients whose numbers are doubles.
fn minor_units(money: &Value) -> u64 {
    let units = &money["minorUnits"];
    let text = units.as_str().and_then(|text| text.parse().ok());
    units.as_u64().or(text).unwrap_or_default()
}

/// An amount of minor units with two decimals, as text.
fn decimal(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
