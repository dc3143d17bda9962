//! Clients that create accounts for as long as a node answers, and the reckoning afterwards: what was
//! acknowledged is there once, what was refused is not there, and nothing is there that nobody sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{ANSWER_TIME_MAX, Api};

/// Enough that commits hold several of them, few enough that each gets its turn.
const CLIENTS: usize = 16;

/// Running clients.
pub(crate) struct Load {
    acknowledged: watch::Receiver<usize>,
    clients: Vec<JoinHandle<Sent>>,
}

/// What became of a request.
enum Outcome {
    /// Answered with this id.
    Acknowledged(Value),
    /// Refused, and the answer says that nothing was written.
    NotWritten,
    /// No answer, or one that does not know.
    Unknown,
}

/// What became of each request, by the name of the account it asked for.
#[derive(Default)]
pub(crate) struct Sent(BTreeMap<String, Outcome>);

impl Load {
    /// Starts the clients; each ends when the node does. `name` begins all names.
    pub(crate) fn start(api: &Api, name: &str) -> Self {
        let (count, acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let client = |n: usize| {
            let name = format!("{name} {n}");
            tokio::spawn(create_until_gone(api.clone(), name, count.clone()))
        };
        Self {
            acknowledged,
            clients: (0..CLIENTS).map(client).collect(),
        }
    }

    /// Waits until so many are acknowledged.
    pub(crate) async fn acknowledged(&mut self, count: usize) {
        let reached = self.acknowledged.wait_for(|so_far| *so_far >= count);
        let reached = timeout(ANSWER_TIME_MAX, reached).await;
        reached
            .expect("the node acknowledges in time")
            .expect("the clients run");
    }

    /// Waits until the clients have ended, and adds what they sent.
    pub(crate) async fn ended(self, sent: &mut Sent) {
        for client in self.clients {
            let ended = timeout(ANSWER_TIME_MAX, client).await;
            let ended = ended.expect("clients end with the node");
            sent.0.extend(ended.expect("no panic").0);
        }
    }
}

impl Sent {
    /// Compares what was sent with all that is there.
    pub(crate) async fn require_kept(&self, api: &Api) {
        let listed = all_accounts(api).await;
        let mut found = BTreeMap::new();
        for account in &listed {
            let name = account["name"].as_str().expect("a name");
            assert!(self.0.contains_key(name), "nobody asked for {account}");
            let before = found.insert(name, &account["id"]);
            assert!(before.is_none(), "{account} is there twice");
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
        assert!(acknowledged > 0, "some were acknowledged");
    }
}

/// All accounts, in pages.
pub(crate) async fn all_accounts(api: &Api) -> Vec<Value> {
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

async fn create_until_gone(api: Api, name: String, count: Arc<watch::Sender<usize>>) -> Sent {
    let document = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
    let mut sent = Sent::default();
    for n in 0.. {
        let name = format!("{name}/{n}");
        let body = json!({ "query": document, "variables": { "name": name } });
        let Ok(answer) = api.try_send(api.post(), body.to_string()).await else {
            sent.0.insert(name, Outcome::Unknown);
            break;
        };
        let json = answer.json();
        let id = &json["data"]["createAccount"]["id"];
        let outcome = if id.is_string() {
            count.send_modify(|count| *count += 1);
            Outcome::Acknowledged(id.clone())
        } else {
            match json["errors"][0]["extensions"]["code"].as_str() {
                Some("UNAVAILABLE" | "OVERLOADED") => Outcome::NotWritten,
                Some("DEADLINE_EXCEEDED" | "INTERNAL") => Outcome::Unknown,
                _ => panic!("no answer of a node that ends: {answer:?}"),
            }
        };
        sent.0.insert(name, outcome);
    }
    sent
}
