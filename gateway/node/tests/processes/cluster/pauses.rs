//! A node that is paused for longer than its peers keep a silent connection, and too shortly to be
//! fenced. Its connections are replaced with many requests in flight.

use std::time::Duration;

use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::history::{ClientObservation, Observation, read, record, rename};
use crate::cluster::linearizability::{require_kept, require_linearizable};
use crate::cluster::nodes::Nodes;

const ROUNDS: usize = 5;
/// As many as a node executes at once.
const ACCOUNTS: usize = 120;
/// Peers close a connection that is silent for 3 s at their next heartbeat; they fence after 4 s at
/// the earliest.
const PAUSES_MS: [u64; 3] = [3_100, 3_300, 3_600];
/// So that some of the first requests are in flight.
const BEFORE: Duration = Duration::from_millis(40);
/// Until connections are new and silent again.
const QUIET: Duration = Duration::from_secs(2);

/// Sends one request for each account at once: a read or, for every fourth, a rename that must not
/// be sent twice.
fn burst(
    node: usize,
    api: &Api,
    accounts: &[String],
    round: usize,
) -> Vec<JoinHandle<Observation>> {
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
            record(node, &account, asking).await
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
    let mut observations: Vec<Observation> = Vec::new();
    for (round, pause) in (0..ROUNDS).zip(PAUSES_MS.into_iter().cycle()) {
        let number = round % 3;
        let node = &nodes.nodes[number];
        let (first, second) = accounts.split_at(ACCOUNTS / 2);
        let mut asked = burst(number, &node.api, first, round);
        sleep(BEFORE).await;
        node.process.pause();
        sleep(Duration::from_millis(pause)).await;
        // These are in its sockets when it resumes.
        asked.extend(burst(number, &node.api, second, round));
        sleep(BEFORE).await;
        node.process.resume();
        for observation in join_all(asked).await {
            observations.push(observation.expect("no panic"));
        }
        sleep(QUIET).await;
        accounts.rotate_left(7);
    }
    let observed = observations.iter();
    let observed = observed.filter(|observation| {
        matches!(
            observation.observed,
            ClientObservation::At(_) | ClientObservation::Changed(..)
        )
    });
    let observed = observed.count();
    assert!(
        observed > observations.len() / 4,
        "{observed} of {}",
        observations.len()
    );
    nodes.wait_settled().await;
    let found = nodes.kill_all().await;
    require_linearizable(&observations);
    require_kept(&observations, &found);
}
