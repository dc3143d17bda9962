//! `read`: `accounts(id:)` over HTTP, for accounts with active actors.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::allowed_settings::Setting;
use super::http_system::{Endpoint, HttpSystem, MakeRequests};
use super::node_process::NodeProcess;
use super::prepared::{Prepared, random_ones};
use super::shop_data::{account_name, create_accounts, for_each, json, send};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::http::GraphqlRequest;
use crate::{BenchError, CallError, GraphqlClient};

/// The query, also of the baseline.
const DOCUMENT: &str = "query Read($id: String) { accounts(id: $id) { id name } }";

pub(super) struct Read;

#[async_trait]
impl Scenario for Read {
    fn name(&self) -> &'static str {
        "read"
    }

    fn about(&self) -> &'static str {
        "accounts(id:) over HTTP, served by active actors"
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

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let node = NodeProcess::start(set_up).await?;
        let ids = create_accounts(&node.client, set_up.settings.accounts_count).await?;
        check_each(&node.client, &ids).await?;
        Ok(Box::new(HttpSystem {
            server: node.server,
            database: node.database,
            topics: node.topics,
            address: node.endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: node.conditions,
            requests: requests(&node.endpoint, &ids),
        }))
    }
}

/// Reads each account once and checks the whole response: this activates its actor, and shows that
/// responses are right.
pub(super) async fn check_each(client: &GraphqlClient, ids: &[String]) -> Result<(), BenchError> {
    #[derive(Deserialize)]
    struct Response {
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
        let response: Response = send(client, DOCUMENT, &variables).await?;
        match response.accounts.as_slice() {
            [only] if only.id == *id && only.name == account_name(number) => Ok(()),
            _ => Err(CallError::Protocol(format!(
                "account {id} was not returned as it was created"
            ))),
        }
    };
    for_each(ids.len(), check)
        .await
        .map_err(BenchError::preparing("reading the accounts"))
}

/// Requests that read random ones of these accounts.
pub(super) fn requests(endpoint: &Endpoint, ids: &[String]) -> Box<MakeRequests> {
    let request = GraphqlRequest::new(&endpoint.authority, &endpoint.path, DOCUMENT);
    let prepared = ids.iter().map(|id| {
        let variables = format!("{{\"id\":\"{id}\"}}");
        let response_start = format!("{{\"data\":{{\"accounts\":[{{\"id\":\"{id}\"");
        Prepared::new(&request, variables.as_bytes(), response_start)
    });
    random_ones(prepared.collect())
}
