//! Clients that change and read a few accounts through all nodes, with a note of when each request began and ended and what
//! it was told; and what these notes must be like (I1, I3).

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
/// For a read that nothing is in the way of, in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is at this version: by a read, or by the refusal of a change that expected another.
    At(u64),
    /// It was changed, to this version, by this name.
    Changed(u64, String),
    /// It may have been changed, to this name.
    Unknown(String),
    /// Nothing happened, with the reason.
    Nothing(String),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) account: String,
    /// Which node was asked.
    pub(crate) node: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) told: Told,
}

/// Running clients.
pub(crate) struct History {
    pub(crate) accounts: Arc<Vec<String>>,
    clients: Vec<JoinHandle<Vec<Note>>>,
    stop: Arc<AtomicBool>,
}

impl History {
    /// Makes the accounts, and starts clients on each of these nodes.
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

    /// Stops the clients after what they have under way.
    pub(crate) async fn stop(self) -> Vec<Note> {
        self.stop.store(true, Ordering::Relaxed);
        let mut notes = Vec::new();
        for client in self.clients {
            notes.extend(client.await.expect("no panic"));
        }
        notes
    }
}

struct Client {
    name: String,
    node: usize,
    api: Api,
    accounts: Arc<Vec<String>>,
    /// The versions it has last seen.
    known: BTreeMap<String, u64>,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut asked = 0;
        while !stop.load(Ordering::Relaxed) {
            asked += 1;
            let account = self.accounts[number_of(&self.name, asked) % ACCOUNTS].clone();
            let note = match (asked % 2, self.known.get(&account)) {
                (0, Some(version)) => {
                    let name = format!("{} asked {asked}", self.name);
                    // Half of them with a key: the router may give these twice.
                    let key = asked.is_multiple_of(4).then_some(name.as_str());
                    let renaming = rename(&self.api, &account, &name, Some(*version), key);
                    noted(self.node, &account, renaming).await
                }
                _ => noted(self.node, &account, read(&self.api, &account)).await,
            };
            if let Told::At(version) | Told::Changed(version, _) = note.told {
                self.known.insert(account, version);
            }
            notes.push(note);
            sleep(PAUSE).await;
        }
        notes
    }
}

/// Notes when a request to a node begins and ends.
pub(crate) async fn noted(node: usize, account: &str, request: impl Future<Output = Told>) -> Note {
    let began = Instant::now();
    let told = request.await;
    Note {
        account: account.to_owned(),
        node,
        began,
        ended: Instant::now(),
        told,
    }
}

/// Renames an account, if it is at the expected version.
pub(crate) async fn rename(
    api: &Api,
    account: &str,
    name: &str,
    expected: Option<u64>,
    key: Option<&str>,
) -> Told {
    let document = "mutation($id: String!, $name: String!, $expected: Int, $key: String) {
        renameAccount(id: $id, name: $name, expectedVersion: $expected, idempotencyKey: $key) { id version } }";
    let variables = json!({ "id": account, "name": name, "expected": expected, "key": key });
    match ask(api, document, variables).await {
        Err(_) => Told::Unknown(name.to_owned()),
        Ok(json) => match version_of(&json["data"]["renameAccount"], account) {
            Some(version) => Told::Changed(version, name.to_owned()),
            None => refused(&json, Some(name.to_owned())),
        },
    }
}

/// Reads an account's version.
pub(crate) async fn read(api: &Api, account: &str) -> Told {
    let document = "query($id: String!) { accounts(id: $id) { id version } }";
    match ask(api, document, json!({ "id": account })).await {
        Err(failure) => Told::Nothing(failure),
        Ok(json) => match version_of(&json["data"]["accounts"][0], account) {
            Some(version) => Told::At(version),
            None => refused(&json, None),
        },
    }
}

/// The version in an answer, which must be of what was asked for.
fn version_of(answer: &Value, account: &str) -> Option<u64> {
    let version = answer["version"].as_u64()?;
    assert_eq!(answer["id"], account, "somebody else's answer: {answer}");
    Some(version)
}

/// Reads the accounts of these shards through a node, one after the other for so long: each must be answered, and soon. Says
/// how many were.
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
    let (began, mut answers) = (Instant::now(), 0);
    for account in of_these.into_iter().cycle() {
        if began.elapsed() > during {
            break;
        }
        let asked = Instant::now();
        let told = read(api, account).await;
        let took = asked.elapsed();
        let is_soon = matches!(told, Told::At(_)) && took < SOON;
        assert!(is_soon, "{account}: {told:?} after {took:?}");
        answers += 1;
        sleep(PAUSE).await;
    }
    answers
}

/// Every account is read through every node.
pub(crate) async fn require_all_served(nodes: &Nodes, history: &History) {
    for account in history.accounts.iter() {
        for node in &nodes.nodes {
            let told = read(&node.api, account).await;
            let log = node.process.log();
            assert!(matches!(told, Told::At(_)), "{}: {told:?} {log}", node.name);
        }
    }
}

async fn ask(api: &Api, document: &str, variables: Value) -> Result<Value, String> {
    let body = json!({ "query": document, "variables": variables });
    let answer = api.try_send(api.post(), body.to_string()).await?;
    Ok(answer.json())
}

/// What an error tells of a change to `name`, or of a read.
fn refused(json: &Value, name: Option<String>) -> Told {
    let error = &json["errors"][0];
    let (code, message) = (&error["extensions"]["code"], &error["message"]);
    let (code, message) = (code.as_str(), message.as_str().unwrap_or_default());
    match (code, name) {
        (Some("VERSION_MISMATCH"), _) => {
            let (_, found) = message.split_once("it is at version ").expect("it says so");
            let found = found.split_once(';').expect("it says so").0;
            Told::At(found.parse().expect("a version"))
        }
        (Some("UNAVAILABLE" | "OVERLOADED"), _) | (Some("DEADLINE_EXCEEDED"), None) => {
            Told::Nothing(message.to_owned())
        }
        (Some("DEADLINE_EXCEEDED"), Some(name)) => Told::Unknown(name),
        _ => panic!("refused: {json}"),
    }
}

/// Ends the clients and the nodes, and compares all that was told with what is there.
pub(crate) async fn require_sound(history: History, mut nodes: Nodes) -> Vec<Note> {
    let notes = history.stop().await;
    let found = nodes.kill_all().await;
    require_linearizable(&notes);
    require_kept(&notes, &found);
    notes
}

/// Versions of an account only grow, so a history of reads and changes is linearizable when this holds: whatever has begun after a
/// version was told is told that one or a later one; no version is told before the change that made it began; and each
/// change made a version of its own, one above the one that it expected. (Every request that told a version is a point
/// on the line between its begin and its end; versions give the order of the points.)
pub(crate) fn require_linearizable(notes: &[Note]) {
    let mut by_account: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in notes {
        by_account.entry(&note.account).or_default().push(note);
    }
    for (account, mut notes) in by_account {
        let version = |note: &Note| match note.told {
            Told::At(version) | Told::Changed(version, _) => Some(version),
            _ => None,
        };
        let mut made: BTreeMap<u64, &Note> = BTreeMap::new();
        for note in &notes {
            if let Told::Changed(version, _) = note.told {
                let before = made.insert(version, note);
                assert!(
                    before.is_none(),
                    "I3: two made version {version}: {before:?}, {note:?}"
                );
            }
        }
        for note in &notes {
            if let Some(maker) = version(note).and_then(|version| made.get(&version)) {
                assert!(note.ended >= maker.began, "I3: {note:?} before {maker:?}");
            }
        }
        notes.retain(|note| version(note).is_some());
        let mut by_end = notes.clone();
        by_end.sort_by_key(|note| note.ended);
        notes.sort_by_key(|note| note.began);
        let (mut ended, mut newest) = (by_end.into_iter().peekable(), None::<&Note>);
        for note in notes {
            while let Some(before) = ended.next_if(|before| before.ended < note.began) {
                if newest.is_none_or(|newest| version(newest) < version(before)) {
                    newest = Some(before);
                }
            }
            if let Some(newest) = newest {
                assert!(
                    version(note) >= version(newest),
                    "I3: {account}: {note:?} after {newest:?}"
                );
            }
        }
    }
}

/// Everything acknowledged is in the journal, at the version that was told (I1); and nothing that nobody asked for.
pub(crate) fn require_kept(notes: &[Note], found: &Audit) {
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
    for note in notes {
        match &note.told {
            Told::Changed(version, name) => {
                let there = names.get(&(note.account.clone(), *version));
                assert_eq!(there, Some(name), "I1: {note:?}");
            }
            Told::At(version) => {
                assert!(*version <= versions[&note.account], "I1: {note:?} is lost");
            }
            Told::Unknown(_) | Told::Nothing(_) => {}
        }
    }
    let may_be: std::collections::BTreeSet<&String> = notes
        .iter()
        .filter_map(|note| match &note.told {
            Told::Changed(_, name) | Told::Unknown(name) => Some(name),
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

/// The notes of requests that began between two moments.
pub(crate) fn between(notes: &[Note], from: Instant, until: Instant) -> Vec<&Note> {
    let then = notes.iter();
    then.filter(|note| (from..until).contains(&note.began))
        .collect()
}

/// How many of these were told a version.
pub(crate) fn answered(notes: &[&Note]) -> usize {
    let told = notes.iter();
    told.filter(|note| matches!(note.told, Told::At(_) | Told::Changed(..)))
        .count()
}

/// A number that follows from a client and its request.
fn number_of(name: &str, asked: usize) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ asked as u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 29)) as usize
}
