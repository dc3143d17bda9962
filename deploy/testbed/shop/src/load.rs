//! Clients that create accounts until the node is gone. Afterwards, every acknowledged account must
//! exist once, no refused one may exist, and none that was not requested.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api_client::{Api, RESPONSE_TIME_MAX};

/// Enough that commits batch several requests, and few enough that every client progresses.
const CLIENTS: usize = 16;

/// Clients that create accounts until the node stops.
#[derive(Debug)]
pub struct Load {
    acknowledged: watch::Receiver<usize>,
    clients: Vec<JoinHandle<SentRequests>>,
}

/// The outcome of a request.
#[derive(Debug)]
enum Outcome {
    /// The response had this id.
    Acknowledged(Value),
    /// The response says that nothing was written.
    NotWritten,
    /// No response, or one that leaves the outcome open.
    Unknown,
}

/// The outcome of each request, by the name of the requested account.
#[derive(Debug, Default)]
pub struct SentRequests(BTreeMap<String, Outcome>);

impl Load {
    /// Starts the clients, which stop when the node does. The names of all accounts begin with `name`.
    pub fn start(api: &Api, name: &str) -> Self {
        let (count, acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let client = |n: usize| {
            let name = format!("{name} {n}");
            tokio::spawn(create_until_node_is_gone(api.clone(), name, count.clone()))
        };
        Self {
            acknowledged,
            clients: (0..CLIENTS).map(client).collect(),
        }
    }

    /// Waits until `count` accounts are acknowledged.
    ///
    /// # Panics
    /// When that takes longer than [`RESPONSE_TIME_MAX`].
    pub async fn wait_acknowledged(&mut self, count: usize) {
        let reached = self.acknowledged.wait_for(|so_far| *so_far >= count);
        let reached = timeout(RESPONSE_TIME_MAX, reached).await;
        reached
            .expect("the node acknowledges in time")
            .expect("the clients run");
    }

    /// Waits until the clients have stopped, and adds what they sent.
    ///
    /// # Panics
    /// When they do not stop, or were refused by a node that runs.
    pub async fn collect(self, sent: &mut SentRequests) {
        for client in self.clients {
            let ended = timeout(RESPONSE_TIME_MAX, client).await;
            let ended = ended.expect("clients end with the node");
            sent.0.extend(ended.expect("no panic").0);
        }
    }
}

impl SentRequests {
    /// Compares what was sent with all accounts that exist.
    ///
    /// # Panics
    /// When an acknowledged account is missing or doubled, or another one exists.
    pub async fn require_kept(&self, api: &Api) {
        let listed = all_accounts(api).await;
        let mut found = BTreeMap::new();
        for account in &listed {
            let name = account["name"].as_str().expect("a name");
            assert!(self.0.contains_key(name), "{account} was never requested");
            let before = found.insert(name, &account["id"]);
            assert!(before.is_none(), "{account} exists twice");
        }
        let mut acknowledged = 0;
        for (name, outcome) in &self.0 {
            match outcome {
                Outcome::Acknowledged(id) => {
                    assert_eq!(found.get(name.as_str()), Some(&id), "{name} is lost");
                    acknowledged += 1;
                }
                Outcome::NotWritten => {
                    assert!(!found.contains_key(name.as_str()), "{name} was written");
                }
                Outcome::Unknown => {}
            }
        }
        assert!(acknowledged > 0, "no account was acknowledged");
    }
}

/// Every account with `id` and `name`, read page by page.
pub async fn all_accounts(api: &Api) -> Vec<Value> {
    let document = "query($skip: Int) {
        accounts(pagination: { skip: $skip, take: 1000 }) { id name }
    }";
    let mut listed = Vec::new();
    loop {
        let variables = json!({ "skip": listed.len() });
        let page = api.run_with(document, variables).await.data("/accounts");
        match page.as_array() {
            Some(page) if !page.is_empty() => listed.extend(page.iter().cloned()),
            _ => return listed,
        }
    }
}

async fn create_until_node_is_gone(
    api: Api,
    name: String,
    count: Arc<watch::Sender<usize>>,
) -> SentRequests {
    let document = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
    let mut sent = SentRequests::default();
    for n in 0.. {
        let name = format!("{name}/{n}");
        let body = json!({ "query": document, "variables": { "name": name } });
        let Ok(response) = api.try_send(api.post(), body.to_string()).await else {
            sent.0.insert(name, Outcome::Unknown);
            break;
        };
        let json = response.json();
        let id = &json["data"]["createAccount"]["id"];
        let outcome = if id.is_string() {
            count.send_modify(|count| *count += 1);
            Outcome::Acknowledged(id.clone())
        } else {
            match json["errors"][0]["extensions"]["code"].as_str() {
                Some("UNAVAILABLE" | "OVERLOADED") => Outcome::NotWritten,
                Some("DEADLINE_EXCEEDED" | "INTERNAL") => Outcome::Unknown,
                _ => panic!("not a response of a stopping node: {response:?}"),
            }
        };
        sent.0.insert(name, outcome);
    }
    sent
}
