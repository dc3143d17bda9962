//! `place`: createOrder over HTTP with two lines per order, on a node that fsyncs every commit.

use fastrand::Rng;
use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::basket::Basket;
use super::dataset::{Dataset, DatasetSize};
use super::http_system::HttpSystem;
use super::node_process::NodeProcess;
use super::shop_data::{create_accounts, create_products};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::http::{GraphqlRequest, Requests, check_graphql_response};
use crate::load::{Outcome, Plan};
use crate::random::seeded;

const DOCUMENT: &str = "mutation Place($order: OrderInput!) { createOrder(order: $order) { id totalPrice createdAt } }";
const DOCUMENT_KEYED: &str = "mutation Place($order: OrderInput!, $key: String) { createOrder(order: $order, idempotencyKey: $key) { id totalPrice createdAt } }";
const RESPONSE_START: &[u8] = b"{\"data\":{\"createOrder\":{\"id\":\"";

pub(super) struct CreateOrderScenario;

#[async_trait]
impl Scenario for CreateOrderScenario {
    fn name(&self) -> &'static str {
        "place"
    }

    fn about(&self) -> &'static str {
        "createOrder with two lines over HTTP, on SQLite or PostgreSQL, each commit fsynced"
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
            Setting::CopyOf,
            Setting::Kafka,
            Setting::Url,
            Setting::Node,
            Setting::NodeArg,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        Ok(Box::new(Self::on_node(set_up).await?))
    }
}

impl CreateOrderScenario {
    /// Starts a node with accounts and products, and prepares the requests.
    pub(super) async fn on_node(set_up: &SetUp<'_>) -> Result<HttpSystem, BenchError> {
        let node = NodeProcess::start(set_up).await?;
        let settings = set_up.settings;
        let (accounts, products) = match &node.database {
            Some(database) if settings.is_filled() => {
                let dataset =
                    Dataset::sample(database.url(), DatasetSize::from_settings(settings)).await?;
                (dataset.accounts, dataset.products)
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
        Ok(HttpSystem {
            server: node.server,
            database: node.database,
            topics: node.topics,
            address: endpoint.address,
            connections: settings.connections_count.unwrap_or(1),
            conditions: node.conditions,
            requests: Box::new(move |plan: &Plan, number| {
                Box::new(CreateOrderRequests {
                    shared: shared.clone(),
                    random: seeded(&[plan.seed, plan.repetition as u64, number as u64]),
                    caller: number,
                    created: 0,
                    key: Vec::new(),
                })
            }),
        })
    }
}

/// Keys must be new on a node that was measured before, so they do not depend on the seed.
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

struct CreateOrderRequests {
    shared: Arc<Shared>,
    random: Rng,
    caller: usize,
    created: u64,
    /// Buffer of the key's JSON, rewritten for each request.
    key: Vec<u8>,
}

impl Requests for CreateOrderRequests {
    fn write_next(&mut self, buffer: &mut Vec<u8>) {
        let Shared {
            request,
            accounts,
            products,
            key_prefix,
        } = &*self.shared;
        let basket = Basket::choose(&mut self.random, accounts.len(), products.len());
        let [(first, first_quantity), (second, second_quantity)] = basket.lines;
        self.created += 1;
        self.key.clear();
        if let Some(prefix) = key_prefix {
            let key = format_args!(",\"key\":\"{prefix}:{}:{}\"", self.caller, self.created);
            write!(self.key, "{key}").expect("writing to a vector cannot fail");
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

    fn check_response(&self, status: u16, body: &[u8]) -> Outcome {
        check_graphql_response(RESPONSE_START, status, body)
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
        let mut requests_of_caller = CreateOrderRequests {
            shared: Arc::new(shared),
            random: seeded(&[1]),
            caller: 3,
            created: 0,
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
    fn each_request_orders_two_different_products() {
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
    fn each_request_has_a_unique_key() {
        let bodies = written(Some("k"), 2);
        assert_eq!(bodies[0]["variables"]["key"], "k:3:1");
        assert_eq!(bodies[1]["variables"]["key"], "k:3:2");
    }
}
