//! Nodes that do not do everything: one serves clients only, one never does.

use std::collections::BTreeSet;

use hyper::{Method, StatusCode};
use tokio::task::block_in_place;

use crate::client::Api;
use crate::history::{History, Told, read};
use crate::nodes::{Nodes, SHARDS};

#[tokio::test(flavor = "multi_thread")]
async fn each_node_does_what_its_roles_say() {
    let test = "each_node_does_what_its_roles_say";
    let Some(mut nodes) = Nodes::start(test, 0).await else {
        return;
    };
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
        .until("those own shards that may", async |nodes| {
            let counts = [
                nodes.shards_of("all").await.len(),
                nodes.shards_of("front").await.len(),
                nodes.shards_of("back").await.len(),
            ];
            counts[0] > 0
                && counts[1] == 0
                && counts[2] > 0
                && counts.iter().sum::<usize>() == usize::from(SHARDS)
        })
        .await;
    // Through the one that owns nothing, what the others own.
    let front = nodes.nodes[1].api.clone();
    let history = History::start(std::slice::from_ref(&front)).await;
    let shards: BTreeSet<&str> = history
        .accounts
        .iter()
        .map(|account| &account[32..])
        .collect();
    assert!(shards.len() > 1, "they are spread");
    for account in history.accounts.iter() {
        let told = read(&front, account).await;
        assert!(matches!(told, Told::At(_)), "{told:?}");
    }
    let back = &nodes.nodes[2];
    back.is_ready(true).await;
    let answer = back
        .api
        .send(back.api.post(), r#"{"query":"{__typename}"}"#)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("--roles"), "{answer:?}");
    let scrape = back.api.request(Method::GET, "/metrics");
    assert_eq!(back.api.send(scrape, "").await.status, StatusCode::OK);
    history.stop().await;
    nodes.kill_all().await;
}
