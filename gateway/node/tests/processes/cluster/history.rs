//! Clients that rename and read a few accounts through all nodes and record what they observe and
//! when; and the properties of such a history (I1, I3).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fritzy_testbed_shop::{Api, Audit};
use fritzy_domain::{AccountEvent, Event};
use fritzy_types::ShardId;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::nodes::{Nodes, shard_of};

/// Few, so that several clients meet at each.
const ACCOUNTS: usize = 24;
const CLIENTS_OF_NODE: usize = 4;
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

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) account: String,
    /// The number of the node that received it.
    pub(crate) node: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) observed: ClientObservation,
}

/// Running clients.
pub(crate) struct History {
    pub(crate) accounts: Arc<Vec<String>>,
    clients: Vec<JoinHandle<Vec<Observation>>>,
    stop: Arc<AtomicBool>,
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
                clients.push(tokio::spawn(client.run(stop.clone())));
            }
        }
        Self {
            accounts,
            clients,
            stop,
        }
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
    async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Observation> {
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
            if let ClientObservation::At(version) | ClientObservation::Changed(version, _) = observation.observed {
                self.known.insert(account, version);
            }
            observations.push(observation);
            sleep(PAUSE).await;
        }
        observations
    }
}

/// Records the begin and the end of a request to a node.
pub(crate) async fn record(node: usize, account: &str, request: impl Future<Output = ClientObservation>) -> Observation {
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
    assert_eq!(response["id"], account, "somebody else's answer: {response}");
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
    assert!(!of_these.is_empty(), "they are spread");
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
            assert!(matches!(observed, ClientObservation::At(_)), "{}: {observed:?} {log}", node.name);
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
            let (_, found) = message.split_once("it is at version ").expect("it says so");
            let found = found.split_once(';').expect("it says so").0;
            ClientObservation::At(found.parse().expect("a version"))
        }
        (Some("UNAVAILABLE" | "OVERLOADED"), _) | (Some("DEADLINE_EXCEEDED"), None) => {
            ClientObservation::Nothing(message.to_owned())
        }
        (Some("DEADLINE_EXCEEDED"), Some(name)) => ClientObservation::Unknown(name),
        _ => panic!("refused: {json}"),
    }
}

/// Stops clients and nodes, and compares all observations with the database.
pub(crate) async fn require_sound(history: History, mut nodes: Nodes) -> Vec<Observation> {
    let observations = history.stop().await;
    let found = nodes.kill_all().await;
    require_linearizable(&observations);
    require_kept(&observations, &found);
    observations
}

/// Versions of an account only grow. So a history of reads and renames is linearizable if all of
/// this holds: a request that begins after a version was observed observes that version or a later
/// one; no version is observed before the rename that created it began; and every rename created a
/// version of its own, one above the expected one. (Each request with a version is a point between
/// its begin and its end, and versions order the points.)
pub(crate) fn require_linearizable(observations: &[Observation]) {
    let mut by_account: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        by_account.entry(&observation.account).or_default().push(observation);
    }
    for (account, mut observations) in by_account {
        let version = |observation: &Observation| match observation.observed {
            ClientObservation::At(version) | ClientObservation::Changed(version, _) => Some(version),
            _ => None,
        };
        let mut made: BTreeMap<u64, &Observation> = BTreeMap::new();
        for observation in &observations {
            if let ClientObservation::Changed(version, _) = observation.observed {
                let before = made.insert(version, observation);
                assert!(
                    before.is_none(),
                    "I3: two made version {version}: {before:?}, {observation:?}"
                );
            }
        }
        for observation in &observations {
            if let Some(maker) = version(observation).and_then(|version| made.get(&version)) {
                assert!(observation.ended >= maker.began, "I3: {observation:?} before {maker:?}");
            }
        }
        observations.retain(|observation| version(observation).is_some());
        let mut by_end = observations.clone();
        by_end.sort_by_key(|observation| observation.ended);
        observations.sort_by_key(|observation| observation.began);
        let (mut ended, mut newest) = (by_end.into_iter().peekable(), None::<&Observation>);
        for observation in observations {
            while let Some(before) = ended.next_if(|before| before.ended < observation.began) {
                if newest.is_none_or(|newest| version(newest) < version(before)) {
                    newest = Some(before);
                }
            }
            if let Some(newest) = newest {
                assert!(
                    version(observation) >= version(newest),
                    "I3: {account}: {observation:?} after {newest:?}"
                );
            }
        }
    }
}

/// Requires every acknowledged rename in the journal, at its version (I1), and none that was not
/// requested.
pub(crate) fn require_kept(observations: &[Observation], found: &Audit) {
    let mut names: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    for recorded in found.events.values().flatten() {
        let account = recorded.entity.as_uuid().to_string();
        if let Event::Account(AccountEvent::Renamed(renamed)) = &recorded.event {
            let place = (account.clone(), recorded.version);
            names.insert(place, renamed.personal.name.clone());
        }
        versions.insert(account, recorded.version);
    }
    for observation in observations {
        match &observation.observed {
            ClientObservation::Changed(version, name) => {
                let there = names.get(&(observation.account.clone(), *version));
                assert_eq!(there, Some(name), "I1: {observation:?}");
            }
            ClientObservation::At(version) => {
                assert!(*version <= versions[&observation.account], "I1: {observation:?} is lost");
            }
            ClientObservation::Unknown(_) | ClientObservation::Nothing(_) => {}
        }
    }
    let may_be: std::collections::BTreeSet<&String> = observations
        .iter()
        .filter_map(|observation| match &observation.observed {
            ClientObservation::Changed(_, name) | ClientObservation::Unknown(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for name in names.values() {
        assert!(may_be.contains(name), "{name} was refused, and happened");
        *times.entry(name).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "I8: {twice:?}");
}

/// The requests that began in this period.
pub(crate) fn between(observations: &[Observation], from: Instant, until: Instant) -> Vec<&Observation> {
    let then = observations.iter();
    then.filter(|observation| (from..until).contains(&observation.began))
        .collect()
}

/// How many of the requests observed a version.
pub(crate) fn answered(observations: &[&Observation]) -> usize {
    let observed = observations.iter();
    observed.filter(|observation| matches!(observation.observed, ClientObservation::At(_) | ClientObservation::Changed(..)))
        .count()
}

/// A hash of a client's name and the number of its request.
fn number_of(name: &str, asked: usize) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ asked as u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 29)) as usize
}
