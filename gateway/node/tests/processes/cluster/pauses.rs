//! A node that is stopped for a moment: longer than its peers wait for a word, and not so long that it is taken for dead. Its
//! connections are replaced while much is under way on them.

use std::time::Duration;

use fritzy_testbed::{skip_unless};
use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::history::{Note, Told, noted, read, rename, require_kept, require_linearizable};
use crate::cluster::nodes::Nodes;

const ROUNDS: usize = 5;
/// As many as a node works on, and nobody else asks.
const ACCOUNTS: usize = 120;
/// Peers drop a connection that is silent for 3 s, at their next beat; they fence after 4 s at the earliest.
const PAUSES_MS: [u64; 3] = [3_100, 3_300, 3_600];
/// So that a part of the first requests is under way.
const BEFORE: Duration = Duration::from_millis(40);
/// For connections to be young, and silent, again.
const QUIET: Duration = Duration::from_secs(2);

/// Asks for each account at once, by a read or, for every fourth, by a change that may not be given twice.
fn burst(node: usize, api: &Api, accounts: &[String], round: usize) -> Vec<JoinHandle<Note>> {
    let all = accounts.iter().cloned().enumerate();
    let ask = |(number, account): (usize, String)| {
        let api = api.clone();
        tokio::spawn(async move {
            let name = format!("{account} in round {round}");
            let asking = async {
                match number % 4 {
                    0 => rename(&api, &account, &name, None, None).await,
                    _ => read(&api, &account).await,
                }
            };
            noted(node, &account, asking).await
        })
    };
    all.map(ask).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_paused_node_never_swaps_responses() {
    let mut nodes = skip_unless!(Nodes::start(3).await);
    let create = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let name = json!({ "name": format!("account {number}") });
        let created = nodes.nodes[0].api.run_with(create, name).await;
        accounts.push(created.text_at("/createAccount/id"));
    }
    let mut notes: Vec<Note> = Vec::new();
    for (round, pause) in (0..ROUNDS).zip(PAUSES_MS.into_iter().cycle()) {
        let number = round % 3;
        let node = &nodes.nodes[number];
        let (first, second) = accounts.split_at(ACCOUNTS / 2);
        let mut asked = burst(number, &node.api, first, round);
        sleep(BEFORE).await;
        node.process.pause();
        sleep(Duration::from_millis(pause)).await;
        // These are in its sockets when it goes on.
        asked.extend(burst(number, &node.api, second, round));
        sleep(BEFORE).await;
        node.process.resume();
        for note in join_all(asked).await {
            notes.push(note.expect("each was answered with its own"));
        }
        sleep(QUIET).await;
        accounts.rotate_left(7);
    }
    let told = notes.iter();
    let told = told.filter(|note| matches!(note.told, Told::At(_) | Told::Changed(..)));
    let told = told.count();
    assert!(told > notes.len() / 4, "{told} of {}", notes.len());
    nodes.wait_settled().await;
    let found = nodes.kill_all().await;
    require_linearizable(&notes);
    require_kept(&notes, &found);
}
