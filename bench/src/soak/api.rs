//! The requests of the soak as GraphQL documents, each sent once.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ledger::SeenOrder;
use crate::{BenchError, CallError, GraphqlClient};

/// Longer than a node takes for a request (10 s), so that its own response is counted, not this.
const PATIENCE: Duration = Duration::from_secs(12);
/// Orders of one account that are listed; more than clients place for one account.
const ORDERS_MAX: u64 = 1_000;
/// Accounts on a page: the most that the API allows.
pub(crate) const ACCOUNTS_PAGE: usize = 1_000;

const ACCOUNT: &str = "id name version";
const ORDER: &str = "id version status totalMoney { minorUnits } products { quantity }";

/// One node of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Api(GraphqlClient);

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Certainly nothing was done; with the code, or the failure of the connection.
    NotDone(String),
    /// It may have been done, or may be done later.
    Unknown(String),
    /// No correct shop responds like this to a valid request.
    Wrong(String),
}

/// An account as a response shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOrder {
    id: String,
    version: u64,
    status: String,
    total_money: WireMoney,
    products: Vec<WireLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMoney {
    minor_units: u64,
}

#[derive(Deserialize)]
struct WireLine {
    quantity: u64,
}

impl Api {
    pub(crate) fn at(address: SocketAddr) -> Result<Self, BenchError> {
        Ok(Self(GraphqlClient::new(&format!(
            "http://{address}/graphql"
        ))?))
    }

    pub(crate) async fn create_account(&self, name: &str) -> Result<SeenAccount, Failure> {
        let document = format!(
            "mutation($name: String!) {{ it: createAccount(account: {{ name: $name }}) {{ {ACCOUNT} }} }}"
        );
        self.it(&document, &json!({ "name": name })).await
    }

    /// Creates a product. Returns its id.
    pub(crate) async fn create_product(&self, name: &str, amount: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        let document =
            "mutation($it: PricedProductInput!) { it: createPricedProduct(product: $it) { id } }";
        let product = json!({ "name": name, "description": "", "price": { "amount": amount } });
        let created: Created = self.it(document, &json!({ "it": product })).await?;
        Ok(created.id)
    }

    pub(crate) async fn rename_account(
        &self,
        id: &str,
        name: &str,
    ) -> Result<SeenAccount, Failure> {
        let document = format!(
            "mutation($id: String!, $name: String!) {{ it: renameAccount(id: $id, name: $name) {{ {ACCOUNT} }} }}"
        );
        self.it(&document, &json!({ "id": id, "name": name })).await
    }

    pub(crate) async fn read_account(&self, id: &str) -> Result<SeenAccount, Failure> {
        let document = format!("query($id: String!) {{ it: accounts(id: $id) {{ {ACCOUNT} }} }}");
        let found: Vec<SeenAccount> = self.it(&document, &json!({ "id": id })).await?;
        let one = found.into_iter().next();
        one.ok_or_else(|| Failure::Wrong(format!("no account {id}, and no error")))
    }

    /// Places an order under an idempotency key.
    pub(crate) async fn place_order(
        &self,
        account: &str,
        (product, quantity): (&str, u64),
        key: &str,
    ) -> Result<SeenOrder, Failure> {
        let document = format!(
            "mutation($order: OrderInput!, $key: String) {{ it: createOrder(order: $order, idempotencyKey: $key) {{ {ORDER} }} }}"
        );
        let lines = json!([{ "productId": product, "quantity": quantity }]);
        let order = json!({ "accountId": account, "products": lines });
        let order: WireOrder = self
            .it(&document, &json!({ "order": order, "key": key }))
            .await?;
        Ok(order.into())
    }

    /// Changes an order by the mutation of this name.
    pub(crate) async fn change_order(
        &self,
        id: &str,
        mutation: &str,
    ) -> Result<SeenOrder, Failure> {
        let document =
            format!("mutation($id: String!) {{ it: {mutation}(id: $id) {{ {ORDER} }} }}");
        let order: WireOrder = self.it(&document, &json!({ "id": id })).await?;
        Ok(order.into())
    }

    pub(crate) async fn read_order(&self, id: &str) -> Result<SeenOrder, Failure> {
        let document = format!("query($id: String!) {{ it: order(id: $id) {{ {ORDER} }} }}");
        let order: WireOrder = self.it(&document, &json!({ "id": id })).await?;
        Ok(order.into())
    }

    /// All orders of an account.
    pub(crate) async fn list_orders(&self, account: &str) -> Result<Vec<SeenOrder>, Failure> {
        #[derive(Deserialize)]
        struct WithOrders {
            orders: Vec<WireOrder>,
        }
        let document = format!(
            "query($id: String!, $take: Int) {{ it: accounts(id: $id) {{ orders(pagination: {{ take: $take }}) {{ {ORDER} }} }} }}"
        );
        let variables = json!({ "id": account, "take": ORDERS_MAX });
        let found: Vec<WithOrders> = self.it(&document, &variables).await?;
        let orders = found.into_iter().flat_map(|account| account.orders);
        Ok(orders.map(SeenOrder::from).collect())
    }

    /// A page of all accounts, oldest first.
    pub(crate) async fn list_accounts(
        &self,
        skip: usize,
        take: usize,
    ) -> Result<Vec<SeenAccount>, Failure> {
        let document = format!(
            "query($skip: Int, $take: Int) {{ it: accounts(pagination: {{ skip: $skip, take: $take }}) {{ {ACCOUNT} }} }}"
        );
        self.it(&document, &json!({ "skip": skip, "take": take }))
            .await
    }

    /// Sends a document with one field, which it names `it`.
    async fn it<T: serde::de::DeserializeOwned>(
        &self,
        document: &str,
        variables: &Value,
    ) -> Result<T, Failure> {
        #[derive(Deserialize)]
        struct Data<T> {
            it: T,
        }
        let variables: Box<RawValue> = to_raw_value(variables).expect("JSON is JSON");
        let deadline = Instant::now() + PATIENCE;
        let response = self.0.execute(document, &variables, deadline).await;
        let data: Result<Data<T>, CallError> = response.and_then(|response| response.decode());
        Ok(data.map_err(|error| Failure::of(&error))?.it)
    }
}

impl Failure {
    /// What an error promises of the effect of its request (docs/errors.md).
    fn of(error: &CallError) -> Self {
        match error {
            CallError::Transport {
                certainly_not_sent: true,
                ..
            } => Self::NotDone("not connected".to_owned()),
            CallError::Transport { reason, .. } if reason == "no response in time" => {
                Self::Unknown(reason.clone())
            }
            CallError::Transport { .. } => Self::Unknown("connection lost".to_owned()),
            CallError::HttpStatus { status, .. } => {
                Self::Unknown(format!("HTTP {}", status.as_u16()))
            }
            CallError::Graphql(graphql) => match graphql.code.as_deref() {
                Some(code @ ("UNAVAILABLE" | "OVERLOADED")) => Self::NotDone(code.to_owned()),
                Some(code @ ("DEADLINE_EXCEEDED" | "INTERNAL")) => Self::Unknown(code.to_owned()),
                _ => Self::Wrong(graphql.to_string()),
            },
            CallError::Protocol(_) => Self::Wrong(error.to_string()),
        }
    }
}

impl From<WireOrder> for SeenOrder {
    fn from(order: WireOrder) -> Self {
        Self {
            id: order.id,
            version: order.version,
            status: order.status,
            quantity: order.products.iter().map(|line| line.quantity).sum(),
            total_minor: order.total_money.minor_units,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GraphqlError;

    fn coded(code: &str) -> Failure {
        let error = GraphqlError {
            code: Some(code.to_owned()),
            message: String::new(),
            path: None,
        };
        Failure::of(&CallError::Graphql(error))
    }

    #[test]
    fn code_says_whether_the_request_had_an_effect() {
        for code in ["UNAVAILABLE", "OVERLOADED"] {
            assert!(matches!(coded(code), Failure::NotDone(shown) if shown == code));
        }
        for code in ["DEADLINE_EXCEEDED", "INTERNAL"] {
            assert!(matches!(coded(code), Failure::Unknown(shown) if shown == code));
        }
        for code in ["ORDER_NOT_FOUND", "ILLEGAL_TRANSITION", "BAD_USER_INPUT"] {
            assert!(matches!(coded(code), Failure::Wrong(_)), "{code}");
        }
    }

    #[test]
    fn connection_that_was_never_made_had_no_effect() {
        let transport = |certainly_not_sent| {
            Failure::of(&CallError::Transport {
                certainly_not_sent,
                reason: "reset".to_owned(),
            })
        };
        assert!(matches!(transport(true), Failure::NotDone(_)));
        assert!(matches!(transport(false), Failure::Unknown(_)));
    }
}
