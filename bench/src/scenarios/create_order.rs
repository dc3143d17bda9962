//! `place`: createOrder over HTTP, two lines an order, on a node that syncs every commit.

use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::basket::Basket;
use super::dataset::{Things, Wanted};
use super::http_system::HttpSubject;
use super::node_process::NodeProcess;
use super::shop_data::{create_accounts, create_products};
use super::{Reach, Scenario, SetUp, Subject};
use crate::BenchError;
use crate::http::{GraphqlRequest, Requests, judge_graphql};
use crate::load::{Outcome, Plan};
use crate::random::SplitMix64;

const DOCUMENT: &str = "mutation Place($order: OrderInput!) { createOrder(order: $order) { id totalPrice createdAt } }";
const DOCUMENT_KEYED: &str = "mutation Place($order: OrderInput!, $key: String) { createOrder(order: $order, idempotencyKey: $key) { id totalPrice createdAt } }";
const ANSWER_START: &[u8] = b"{\"data\":{\"createOrder\":{\"id\":\"";

/// The scenario.
pub(super) struct Place;

#[async_trait]
impl Scenario for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    fn about(&self) -> &'static str {
        "createOrder with two lines over HTTP, on SQLite or PostgreSQL, each commit synced"
    }

    fn reach(&self) -> Reach {
        Reach::Http
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Connections,
            Setting::Accounts,
            Setting::Products,
            Setting::Keyed,
            Setting::Store,
            Setting::Postgres,
            Setting::Committers,
            Setting::Fill,
            Setting::Kafka,
            Setting::Url,
            Setting::Node,
            Setting::NodeArg,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        Ok(Box::new(Self::on_a_node(set_up).await?))
    }
}

impl Place {
    /// A node with accounts and products, and the requests that order them.
    pub(super) async fn on_a_node(set_up: &SetUp<'_>) -> Result<HttpSubject, BenchError> {
        let node = NodeProcess::start(set_up).await?;
        let settings = set_up.settings;
        let (accounts, products) = match &node.database {
            Some(database) if settings.fill_count > 0 => {
                let things = Things::of_filled(database.url(), Wanted::by(settings)).await?;
                (things.accounts, things.products)
            }
            _ => (
                create_accounts(&node.client, settings.accounts_count).await?,
                create_products(&node.client, settings.products_count).await?,
            ),
        };
        let endpoint = &node.endpoint;
        let document = if settings.keyed {
            DOCUMENT_KEYED
        } else {
            DOCUMENT
        };
        let shared = Arc::new(Shared {
            request: GraphqlRequest::new(&endpoint.authority, &endpoint.path, document),
            accounts,
            products,
            key_prefix: settings.keyed.then(key_prefix),
        });
        Ok(HttpSubject {
            server: node.server,
            database: node.database,
            address: endpoint.address,
            connections: settings.connections_count.unwrap_or(1),
            conditions: node.conditions,
            requests: Box::new(move |plan: &Plan, number| {
                Box::new(PlaceRequests {
                    shared: shared.clone(),
                    random: SplitMix64::of(&[plan.seed, plan.repetition as u64, number as u64]),
                    caller: number,
                    placed: 0,
                    key: Vec::new(),
                })
            }),
        })
    }
}

/// Keys must be new on a node that was measured before, so they do not follow from the seed.
fn key_prefix() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("bench-{}", since.unwrap_or_default().as_micros())
}

struct Shared {
    request: GraphqlRequest,
    accounts: Vec<String>,
    products: Vec<String>,
    key_prefix: Option<String>,
}

struct PlaceRequests {
    shared: Arc<Shared>,
    random: SplitMix64,
    caller: usize,
    placed: u64,
    /// Written anew for each request.
    key: Vec<u8>,
}

impl Requests for PlaceRequests {
    fn write_next(&mut self, buffer: &mut Vec<u8>) {
        let Shared {
            request,
            accounts,
            products,
            key_prefix,
        } = &*self.shared;
        let basket = Basket::choose(&mut self.random, accounts.len(), products.len());
        let [(first, first_quantity), (second, second_quantity)] = basket.lines;
        self.placed += 1;
        self.key.clear();
        if let Some(prefix) = key_prefix {
            let key = format_args!(",\"key\":\"{prefix}:{}:{}\"", self.caller, self.placed);
            write!(self.key, "{key}").expect("a vector takes all");
        }
        request.write(
            &[
                b"{\"order\":{\"accountId\":\"",
                accounts[basket.account].as_bytes(),
                b"\",\"products\":[{\"productId\":\"",
                products[first].as_bytes(),
                b"\",\"quantity\":",
                &[b'0' + first_quantity],
                b"},{\"productId\":\"",
                products[second].as_bytes(),
                b"\",\"quantity\":",
                &[b'0' + second_quantity],
                b"}]}",
                &self.key,
                b"}",
            ],
            buffer,
        );
    }

    fn judge(&self, status: u16, body: &[u8]) -> Outcome {
        judge_graphql(ANSWER_START, status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key_prefix: Option<&str>, requests: usize) -> Vec<serde_json::Value> {
        let shared = Shared {
            request: GraphqlRequest::new("a:1", "/graphql", DOCUMENT),
            accounts: vec!["a0".to_owned()],
            products: vec!["p0".to_owned(), "p1".to_owned()],
            key_prefix: key_prefix.map(str::to_owned),
        };
        let mut requests_of_caller = PlaceRequests {
            shared: Arc::new(shared),
            random: SplitMix64::new(1),
            caller: 3,
            placed: 0,
            key: Vec::new(),
        };
        let body = |_| {
            let mut buffer = Vec::new();
            requests_of_caller.write_next(&mut buffer);
            let text = String::from_utf8(buffer).expect("UTF-8");
            let (_, body) = text.split_once("\r\n\r\n").expect("a body");
            serde_json::from_str(body).expect("JSON")
        };
        (0..requests).map(body).collect()
    }

    #[test]
    fn each_request_is_an_order_of_two_products() {
        for body in written(None, 20) {
            let variables = &body["variables"];
            assert_eq!(variables["order"]["accountId"], "a0");
            let lines = variables["order"]["products"].as_array().expect("lines");
            assert_eq!(lines.len(), 2);
            assert_ne!(lines[0]["productId"], lines[1]["productId"]);
            assert!(
                lines
                    .iter()
                    .all(|line| line["quantity"].as_u64() >= Some(1))
            );
            assert!(variables.get("key").is_none());
        }
    }

    #[test]
    fn each_key_is_another() {
        let bodies = written(Some("k"), 2);
        assert_eq!(bodies[0]["variables"]["key"], "k:3:1");
        assert_eq!(bodies[1]["variables"]["key"], "k:3:2");
    }
}
