//! Clients that rename and read a few accounts through all nodes, and record what they observe and
//! when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fritzy_testbed::{NODE_TIME_MAX, wait_until_async};
use fritzy_testbed_shop::Api;
use fritzy_types::ShardId;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::nodes::{Nodes, shard_of};

/// Few, so that several clients meet at each.
const ACCOUNTS: usize = 24;
const CLIENTS_OF_NODE: usize = 4;
/// Enough requests that clients know the versions of most accounts.
const SEVERAL: usize = 240;
/// Between two requests of a client, so that a debug build on a busy machine is not overloaded.
const PAUSE: Duration = Duration::from_millis(5);
/// For an undisturbed read, in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// What a client learned from a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientObservation {
    /// The account is at this version, by a read or by a refused expected version.
    At(u64),
    /// The account was renamed to this name, at this version.
    Changed(u64, String),
    /// The account may have been renamed to this name.
    Unknown(String),
    /// Nothing was changed or read, with the reason.
    Nothing(String),
}

/// One request of a client, and what that has observed.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) account: String,
    /// The number of the node that received it.
    pub(crate) node: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) observed: ClientObservation,
}

/// Running clients, [`CLIENTS_OF_NODE`] at each node.
pub(crate) struct History {
    pub(crate) accounts: Arc<Vec<String>>,
    clients: Vec<JoinHandle<Vec<Observation>>>,
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
}

impl History {
    /// Creates the accounts, and starts clients on each of these nodes.
    pub(crate) async fn start(apis: &[Api]) -> Self {
        let mut accounts = Vec::new();
        for number in 0..ACCOUNTS {
            let create =
                "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
            let name = json!({ "name": format!("account {number}") });
            let created = apis[0].run_with(create, name).await;
            accounts.push(created.text_at("/createAccount/id"));
        }
        let (accounts, stop) = (Arc::new(accounts), Arc::new(AtomicBool::new(false)));
        let requests = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for (node, api) in apis.iter().enumerate() {
            for number in 0..CLIENTS_OF_NODE {
                let client = Client {
                    name: format!("client {node}.{number}"),
                    node,
                    api: api.clone(),
                    accounts: accounts.clone(),
                    known: BTreeMap::new(),
                };
                clients.push(tokio::spawn(client.run(stop.clone(), requests.clone())));
            }
        }
        Self {
            accounts,
            clients,
            stop,
            requests,
        }
    }

    /// Waits until the clients have sent [`SEVERAL`] further requests and got their responses.
    pub(crate) async fn wait_requests(&self) {
        let enough = self.requests.load(Ordering::Relaxed) + SEVERAL;
        let is_enough = async || self.requests.load(Ordering::Relaxed) >= enough;
        wait_until_async("clients get responses", NODE_TIME_MAX, is_enough).await;
    }

    /// Stops the clients after their requests in flight.
    pub(crate) async fn stop(self) -> Vec<Observation> {
        self.stop.store(true, Ordering::Relaxed);
        let mut observations = Vec::new();
        for client in self.clients {
            observations.extend(client.await.expect("no panic"));
        }
        observations
    }
}

struct Client {
    name: String,
    node: usize,
    api: Api,
    accounts: Arc<Vec<String>>,
    /// The versions it has last observed.
    known: BTreeMap<String, u64>,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>, requests: Arc<AtomicUsize>) -> Vec<Observation> {
        let mut observations = Vec::new();
        let mut asked = 0;
        while !stop.load(Ordering::Relaxed) {
            asked += 1;
            let account = self.accounts[number_of(&self.name, asked) % ACCOUNTS].clone();
            let observation = match (asked % 2, self.known.get(&account)) {
                (0, Some(version)) => {
                    let name = format!("{} asked {asked}", self.name);
                    // Half of them with a key: the router may send these twice.
                    let key = asked.is_multiple_of(4).then_some(name.as_str());
                    let renaming = rename(&self.api, &account, &name, Some(*version), key);
                    record(self.node, &account, renaming).await
                }
                _ => record(self.node, &account, read(&self.api, &account)).await,
            };
            if let ClientObservation::At(version) | ClientObservation::Changed(version, _) =
                observation.observed
            {
                self.known.insert(account, version);
            }
            observations.push(observation);
            requests.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
        observations
    }
}

/// Records the begin and the end of a request to a node.
pub(crate) async fn record(
    node: usize,
    account: &str,
    request: impl Future<Output = ClientObservation>,
) -> Observation {
    let began = Instant::now();
    let observed = request.await;
    Observation {
        account: account.to_owned(),
        node,
        began,
        ended: Instant::now(),
        observed,
    }
}

/// Renames an account, if it is at the expected version.
pub(crate) async fn rename(
    api: &Api,
    account: &str,
    name: &str,
    expected: Option<u64>,
    key: Option<&str>,
) -> ClientObservation {
    let document = "mutation($id: String!, $name: String!, $expected: Int, $key: String) {
        renameAccount(id: $id, name: $name, expectedVersion: $expected, idempotencyKey: $key) { id version } }";
    let variables = json!({ "id": account, "name": name, "expected": expected, "key": key });
    match ask(api, document, variables).await {
        Err(_) => ClientObservation::Unknown(name.to_owned()),
        Ok(json) => match version_of(&json["data"]["renameAccount"], account) {
            Some(version) => ClientObservation::Changed(version, name.to_owned()),
            None => refused(&json, Some(name.to_owned())),
        },
    }
}

/// Reads an account's version.
pub(crate) async fn read(api: &Api, account: &str) -> ClientObservation {
    let document = "query($id: String!) { accounts(id: $id) { id version } }";
    match ask(api, document, json!({ "id": account })).await {
        Err(failure) => ClientObservation::Nothing(failure),
        Ok(json) => match version_of(&json["data"]["accounts"][0], account) {
            Some(version) => ClientObservation::At(version),
            None => refused(&json, None),
        },
    }
}

/// The version in a response, which must be that of the requested account.
fn version_of(response: &Value, account: &str) -> Option<u64> {
    let version = response["version"].as_u64()?;
    assert_eq!(
        response["id"], account,
        "somebody else's answer: {response}"
    );
    Some(version)
}

/// Reads the accounts of these shards through a node, in turn, for the given time. Each must be
/// answered within [`SOON`]. Returns how many were.
pub(crate) async fn require_answers(
    api: &Api,
    accounts: &[String],
    shards: &[ShardId],
    during: Duration,
) -> usize {
    let of_these: Vec<&String> = accounts
        .iter()
        .filter(|account| shards.contains(&shard_of(account)))
        .collect();
    assert!(!of_these.is_empty(), "all accounts are on other shards");
    let (began, mut responses) = (Instant::now(), 0);
    for account in of_these.into_iter().cycle() {
        if began.elapsed() > during {
            break;
        }
        let asked = Instant::now();
        let observed = read(api, account).await;
        let took = asked.elapsed();
        let is_soon = matches!(observed, ClientObservation::At(_)) && took < SOON;
        assert!(is_soon, "{account}: {observed:?} after {took:?}");
        responses += 1;
        sleep(PAUSE).await;
    }
    responses
}

/// Requires that every account can be read through every node.
pub(crate) async fn require_all_served(nodes: &Nodes, history: &History) {
    for account in history.accounts.iter() {
        for node in &nodes.nodes {
            let observed = read(&node.api, account).await;
            let log = node.process.log();
            assert!(
                matches!(observed, ClientObservation::At(_)),
                "{}: {observed:?} {log}",
                node.name
            );
        }
    }
}

async fn ask(api: &Api, document: &str, variables: Value) -> Result<Value, String> {
    let body = json!({ "query": document, "variables": variables });
    let response = api.try_send(api.post(), body.to_string()).await?;
    Ok(response.json())
}

/// The observation in an error response to a rename to `name`, or to a read.
fn refused(json: &Value, name: Option<String>) -> ClientObservation {
    let error = &json["errors"][0];
    let (code, message) = (&error["extensions"]["code"], &error["message"]);
    let (code, message) = (code.as_str(), message.as_str().unwrap_or_default());
    match (code, name) {
        (Some("VERSION_MISMATCH"), _) => {
            let (_, found) = message
                .split_once("it is at version ")
                .expect("the version in the message");
            let found = found.split_once(';').expect("the version in the message").0;
            ClientObservation::At(found.parse().expect("a version"))
        }
        (Some("UNAVAILABLE" | "OVERLOADED"), _) | (Some("DEADLINE_EXCEEDED"), None) => {
            ClientObservation::Nothing(message.to_owned())
        }
        (Some("DEADLINE_EXCEEDED"), Some(name)) => ClientObservation::Unknown(name),
        _ => panic!("refused: {json}"),
    }
}

/// A hash of a client's name and the number of its request.
fn number_of(name: &str, asked: usize) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ asked as u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 29)) as usize
}
