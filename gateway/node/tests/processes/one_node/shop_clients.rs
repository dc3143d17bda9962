//! Clients that use the whole shop until the node is gone. Each logs its requests and what it
//! observed.

use std::sync::Arc;

use fritzy_testbed_shop::Api;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A pseudo-random sequence (xorshift) that is determined by its seed.
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// One request to change something.
#[derive(Clone, Debug)]
struct Ask {
    mutation: &'static str,
    variables: Value,
    keyed: bool,
    event: &'static str,
    /// A text that only this request's event contains.
    token: String,
}

/// What a client learned from a response.
#[derive(Clone, Debug)]
pub(crate) enum ClientObservation {
    /// The change was made to this entity, at this version.
    Done { id: String, version: u64 },
    /// The change was not made.
    Nothing,
    /// No response arrived, and there is no key to repeat the request with.
    Unknown,
}

/// One line of a client's log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) event: &'static str,
    /// Empty for transitions of an order, which happen at most once.
    pub(crate) token: String,
    pub(crate) observed: ClientObservation,
}

/// One client. No other one changes what it created; it sends one request at a time.
pub(crate) struct ShopClient {
    name: String,
    chance: SeededRandom,
    asked: u64,
    account: Option<String>,
    product: Option<String>,
    /// Orders that may still change their status, and whether they are confirmed.
    orders: Vec<(String, bool)>,
    /// A keyed request without a response, which is repeated before anything else.
    unanswered: Option<Ask>,
    pub(crate) log: Vec<Entry>,
    /// How many unanswered requests were repeated.
    pub(crate) repeats: usize,
}

impl ShopClient {
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        Self {
            name: format!("client-{number}"),
            chance: SeededRandom::new(seed ^ (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            asked: 0,
            account: None,
            product: None,
            orders: Vec::new(),
            unanswered: None,
            log: Vec::new(),
            repeats: 0,
        }
    }

    /// Sends requests until the node does not respond.
    pub(crate) async fn run(mut self, api: Api, count: Arc<watch::Sender<usize>>) -> Self {
        loop {
            let ask = match self.unanswered.take() {
                Some(again) => {
                    self.repeats += 1;
                    again
                }
                None => self.next(),
            };
            let body = json!({ "query": ask.mutation, "variables": ask.variables });
            let response = api.try_send(api.post(), body.to_string()).await;
            let response = response.map(|response| response.json());
            let observed = match &response {
                Ok(json) if json.get("errors").is_none() => {
                    count.send_modify(|count| *count += 1);
                    done(&json["data"]["done"])
                }
                Ok(json) => match json["errors"][0]["extensions"]["code"].as_str() {
                    Some("UNAVAILABLE" | "OVERLOADED") => ClientObservation::Nothing,
                    Some("DEADLINE_EXCEEDED" | "INTERNAL") => ClientObservation::Unknown,
                    _ => panic!("{ask:?} was refused: {json}"),
                },
                Err(_) => ClientObservation::Unknown,
            };
            if matches!(observed, ClientObservation::Unknown) && ask.keyed {
                self.unanswered = Some(ask);
            } else {
                self.note(&ask, observed);
            }
            if response.is_err() {
                return self;
            }
        }
    }

    /// Whether a request waits to be repeated.
    pub(crate) const fn is_unanswered(&self) -> bool {
        self.unanswered.is_some()
    }

    fn note(&mut self, ask: &Ask, observed: ClientObservation) {
        let target = ask.variables["id"].as_str();
        match (&observed, ask.event) {
            (ClientObservation::Done { id, .. }, "account.created") => {
                self.account = Some(id.clone())
            }
            (ClientObservation::Done { id, .. }, "product.created") => {
                self.product = Some(id.clone())
            }
            (ClientObservation::Done { id, .. }, "order.created") => {
                self.orders.push((id.clone(), false))
            }
            (ClientObservation::Done { id, .. }, "order.confirmed") => {
                for order in &mut self.orders {
                    order.1 |= order.0 == *id;
                }
            }
            // In a final status, or one that is not known.
            (_, event) if event.starts_with("order.") => {
                self.orders.retain(|(id, _)| target != Some(id));
            }
            _ => {}
        }
        self.log.push(Entry {
            event: ask.event,
            token: ask.token.clone(),
            observed,
        });
    }

    /// A request that is not refused.
    fn next(&mut self) -> Ask {
        self.asked += 1;
        let token = format!("{}-{}-", self.name, self.asked);
        let keyed = self.chance.below(2) == 0;
        let what = self.chance.below(10);
        let at = self.chance.below(1_000) as usize;
        let (mutation, event, variables) = match (&self.account, &self.product) {
            (None, _) => (CREATE_ACCOUNT, "account.created", json!({ "text": token })),
            (_, None) => (CREATE_PRODUCT, "product.created", json!({ "text": token })),
            (Some(account), Some(product)) => match what {
                0 => (CREATE_ACCOUNT, "account.created", json!({ "text": token })),
                1 => (CREATE_PRODUCT, "product.created", json!({ "text": token })),
                2 => (
                    RENAME_ACCOUNT,
                    "account.renamed",
                    json!({ "id": account, "text": token }),
                ),
                3 => {
                    // A price that no other request of this client has.
                    let amount = format!("{}.25", self.asked);
                    let token = format!("{product}/{}25", self.asked);
                    return Ask {
                        mutation: REPRICE_PRODUCT,
                        variables: with_key(
                            json!({ "id": product, "text": amount }),
                            keyed.then_some(&token),
                        ),
                        keyed,
                        event: "product.repriced",
                        token,
                    };
                }
                4..=6 if !self.orders.is_empty() => {
                    let (id, confirmed) = &self.orders[at % self.orders.len()];
                    let variables = json!({ "id": id, "text": token });
                    match (what, confirmed) {
                        (4, _) => (CANCEL_ORDER, "order.cancelled", variables),
                        (_, false) => (CONFIRM_ORDER, "order.confirmed", variables),
                        (_, true) => (COMPLETE_ORDER, "order.completed", variables),
                    }
                }
                _ => (
                    CREATE_ORDER,
                    "order.created",
                    json!({ "account": account, "product": product, "quantity": self.asked }),
                ),
            },
        };
        let variables = with_key(variables, keyed.then_some(&token));
        // These events contain no text of the client: an order is identified by its account and its
        // quantity.
        let token = match event {
            "order.created" => format!(
                "{}/{}",
                variables["account"].as_str().expect("an account"),
                self.asked
            ),
            "order.confirmed" | "order.completed" => String::new(),
            _ => token,
        };
        Ask {
            mutation,
            variables,
            keyed,
            event,
            token,
        }
    }
}

fn with_key(mut variables: Value, key: Option<&String>) -> Value {
    variables["key"] = json!(key);
    variables
}

fn done(answered: &Value) -> ClientObservation {
    let id = answered["id"].as_str().expect("an id").to_owned();
    let version = answered["version"].as_u64().expect("a version");
    ClientObservation::Done { id, version }
}

const CREATE_ACCOUNT: &str = "mutation($text: String!, $key: String) {
    done: createAccount(account: { name: $text }, idempotencyKey: $key) { id version } }";
const RENAME_ACCOUNT: &str = "mutation($id: String!, $text: String!, $key: String) {
    done: renameAccount(id: $id, name: $text, idempotencyKey: $key) { id version } }";
const CREATE_PRODUCT: &str = "mutation($text: String!, $key: String) {
    done: createProduct(product: { name: $text, description: \"\", price: 0.5 },
        idempotencyKey: $key) { id version } }";
const REPRICE_PRODUCT: &str = "mutation($id: String!, $text: String!, $key: String) {
    done: repriceProduct(id: $id, price: { amount: $text }, idempotencyKey: $key) { id version } }";
const CREATE_ORDER: &str =
    "mutation($account: String!, $product: String!, $quantity: Int!, $key: String) {
    done: createOrder(order: { accountId: $account,
        products: [{ productId: $product, quantity: $quantity }] }, idempotencyKey: $key) {
        id version } }";
const CONFIRM_ORDER: &str = "mutation($id: String!, $key: String) {
    done: confirmOrder(id: $id, idempotencyKey: $key) { id version } }";
const COMPLETE_ORDER: &str = "mutation($id: String!, $key: String) {
    done: completeOrder(id: $id, idempotencyKey: $key) { id version } }";
const CANCEL_ORDER: &str = "mutation($id: String!, $text: String!, $key: String) {
    done: cancelOrder(id: $id, reason: $text, idempotencyKey: $key) { id version } }";
