//! Nodes with restricted roles: one only serves clients, one never does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fritzy_testbed::{NODE_TIME_MAX, skip_unless};
use fritzy_testbed_shop::Api;
use hyper::{Method, StatusCode};
use tokio::task::block_in_place;

use crate::cluster::history::{ClientObservation, History, read};
use crate::cluster::nodes::{Nodes, SHARDS};

/// How long a node waits for owners at its start.
const WAITS: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn nodes_follow_their_roles() {
    let mut nodes = skip_unless!(Nodes::start(0).await);
    for (name, roles) in [
        ("all", "gateway,entities,projections"),
        ("front", "gateway"),
        ("back", "entities,projections"),
    ] {
        let mut node = nodes.spawn_with(name, &["--roles", roles]);
        node.api = Api::at(block_in_place(|| node.process.address()));
        nodes.nodes.push(node);
    }
    nodes
        .wait_until(
            "exactly the nodes with the role own shards",
            async |nodes| {
                let counts = [
                    nodes.shards_of("all").await.len(),
                    nodes.shards_of("front").await.len(),
                    nodes.shards_of("back").await.len(),
                ];
                counts[0] > 0
                    && counts[1] == 0
                    && counts[2] > 0
                    && counts.iter().sum::<usize>() == usize::from(SHARDS)
            },
        )
        .await;
    // Through the node without shards, entities of the others.
    let front = nodes.nodes[1].api.clone();
    let history = History::start(std::slice::from_ref(&front)).await;
    let shards: BTreeSet<&str> = history
        .accounts
        .iter()
        .map(|account| &account[32..])
        .collect();
    assert!(shards.len() > 1, "all accounts are on other shards");
    for account in history.accounts.iter() {
        let observed = read(&front, account).await;
        assert!(matches!(observed, ClientObservation::At(_)), "{observed:?}");
    }
    let back = &nodes.nodes[2];
    back.wait_ready().await;
    let response = back
        .api
        .send(back.api.post(), r#"{"query":"{__typename}"}"#)
        .await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    assert!(response.text.contains("--roles"), "{response:?}");
    let scrape = back.api.request(Method::GET, "/metrics");
    assert_eq!(back.api.send(scrape, "").await.status, StatusCode::OK);
    for (node, says, of_api) in [
        (
            &nodes.nodes[1],
            "node front of a cluster",
            "API      http://",
        ),
        (back, "node back of a cluster", "API      not here"),
    ] {
        let said = node.process.stdout();
        assert!(said.contains(says) && said.contains(of_api), "{said}");
    }
    history.stop().await;
    nodes.kill_all().await;
}

/// Without other nodes, it waits for owners of shards.
#[tokio::test(flavor = "multi_thread")]
async fn node_waiting_for_owners_stops_on_sigterm() {
    let nodes = skip_unless!(Nodes::start(0).await);
    let front = nodes.spawn_with("front", &["--roles", "gateway"]);
    nodes
        .wait_until("the node has joined", async |nodes| {
            !nodes.state().await.nodes.is_empty()
        })
        .await;
    let asked = Instant::now();
    front.process.terminate();
    let exited = block_in_place(|| front.process.wait_exit(NODE_TIME_MAX));
    let took = asked.elapsed();
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert!(took < WAITS / 2, "{took:?}: {exited:?}");
    assert!(nodes.state().await.nodes.is_empty(), "it has left");
}
