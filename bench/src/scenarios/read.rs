//! `read`: `accounts(id:)` over HTTP, of accounts whose actors are active.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::allowed_settings::Setting;
use super::http_system::{Endpoint, HttpSubject, MakeRequests};
use super::node_process::NodeProcess;
use super::shop_data::{account_name, ask, create_accounts, for_each, json};
use super::{Reach, Scenario, SetUp, Subject};
use crate::http::{GraphqlRequest, Requests, judge_graphql};
use crate::load::{Outcome, Plan};
use crate::random::SplitMix64;
use crate::{BenchError, CallError, GraphqlClient};

/// What is asked; the ceiling is asked the same.
const DOCUMENT: &str = "query Read($id: String) { accounts(id: $id) { id name } }";

/// The scenario.
pub(super) struct Read;

#[async_trait]
impl Scenario for Read {
    fn name(&self) -> &'static str {
        "read"
    }

    fn about(&self) -> &'static str {
        "accounts(id:) over HTTP, answered by active actors"
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
            Setting::Store,
            Setting::Postgres,
            Setting::Committers,
            Setting::Url,
            Setting::Node,
            Setting::NodeArg,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let node = NodeProcess::start(set_up).await?;
        let ids = create_accounts(&node.client, set_up.settings.accounts_count).await?;
        check_each(&node.client, &ids).await?;
        Ok(Box::new(HttpSubject {
            server: node.server,
            database: node.database,
            address: node.endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: node.conditions,
            requests: requests(&node.endpoint, &ids),
        }))
    }
}

/// Reads each account once, in full: its actor is active from then on, and the answers are known to be right.
pub(super) async fn check_each(client: &GraphqlClient, ids: &[String]) -> Result<(), BenchError> {
    #[derive(Deserialize)]
    struct Answer {
        accounts: Vec<Account>,
    }
    #[derive(Deserialize)]
    struct Account {
        id: String,
        name: String,
    }
    let check = |number: usize| async move {
        let id = &ids[number];
        let variables = json(&json!({ "id": id }));
        let answer: Answer = ask(client, DOCUMENT, &variables).await?;
        match answer.accounts.as_slice() {
            [only] if only.id == *id && only.name == account_name(number) => Ok(()),
            _ => Err(CallError::Protocol(format!(
                "account {id} was not answered as it was made"
            ))),
        }
    };
    for_each(ids.len(), check)
        .await
        .map_err(BenchError::preparing("the reading of accounts"))
}

/// Requests for any of these accounts.
pub(super) fn requests(endpoint: &Endpoint, ids: &[String]) -> Box<MakeRequests> {
    let request = GraphqlRequest::new(&endpoint.authority, &endpoint.path, DOCUMENT);
    let prepared: Arc<[Prepared]> = ids.iter().map(|id| Prepared::new(&request, id)).collect();
    Box::new(move |plan: &Plan, number| {
        Box::new(ReadRequests {
            prepared: prepared.clone(),
            random: SplitMix64::of(&[plan.seed, plan.repetition as u64, number as u64]),
            chosen: 0,
        })
    })
}

/// One account's request, and how its answer begins.
struct Prepared {
    request: Vec<u8>,
    answer_start: Vec<u8>,
}

impl Prepared {
    fn new(request: &GraphqlRequest, id: &str) -> Self {
        let mut bytes = Vec::new();
        request.write(&[b"{\"id\":\"", id.as_bytes(), b"\"}"], &mut bytes);
        Self {
            request: bytes,
            answer_start: format!("{{\"data\":{{\"accounts\":[{{\"id\":\"{id}\"").into_bytes(),
        }
    }
}

struct ReadRequests {
    prepared: Arc<[Prepared]>,
    random: SplitMix64,
    chosen: usize,
}

impl Requests for ReadRequests {
    fn write_next(&mut self, buffer: &mut Vec<u8>) {
        self.chosen = self.random.below(self.prepared.len());
        buffer.extend_from_slice(&self.prepared[self.chosen].request);
    }

    fn judge(&self, status: u16, body: &[u8]) -> Outcome {
        judge_graphql(&self.prepared[self.chosen].answer_start, status, body)
    }
}
