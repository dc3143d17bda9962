//! A node while it starts: what clients are told of it, and by it, before it is one of several.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::history::{History, Told, read, require_all_served, require_sound};
use crate::nodes::Nodes;

/// Much longer than a node needs for joining, and shorter than a request may wait.
const LOOKED_FOR: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_ready_when_it_has_met_another_and_keeps_requests_until_then() {
    let test = "a_node_is_ready_when_it_has_met_another_and_keeps_requests_until_then";
    let Some(mut nodes) = Nodes::start(test, 1).await else {
        return;
    };
    let history = History::start(&nodes.apis()).await;
    let account = history.accounts[0].clone();
    // Whoever calls it is heard by nobody.
    nodes.nodes[0].door.stall();
    let second = nodes.spawn_unready("n2");
    let api = second.api.clone();
    let health = |path: &'static str| {
        let api = api.clone();
        async move {
            let answer = api.try_send(api.request(hyper::Method::GET, path), "");
            answer.await.is_ok_and(|answer| answer.status.is_success())
        }
    };
    // It takes calls long before it can answer them.
    let early = tokio::spawn({
        let (api, account) = (second.api.clone(), account.clone());
        async move {
            while TcpStream::connect(api.address).await.is_err() {
                sleep(POLL).await;
            }
            read(&api, &account).await
        }
    });
    while nodes.id_of("n2").await.is_none() {
        assert!(!health("/healthz/ready").await, "ready before it is there");
        sleep(POLL).await;
    }
    let began = Instant::now();
    while began.elapsed() < LOOKED_FOR {
        assert!(!health("/healthz/ready").await, "ready, and alone");
        sleep(POLL).await;
    }
    nodes.nodes[0].door.heal();
    second.is_ready(true).await;
    let told = early.await.expect("no panic");
    assert!(
        matches!(told, Told::At(_)),
        "a read that came early: {told:?}"
    );
    nodes.nodes.push(second);
    nodes.settled().await;
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}
