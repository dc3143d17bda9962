//! A starting node: what it tells clients before it has joined the cluster.

use std::time::{Duration, Instant};

use fritzy_testbed::{NODE_TIME_MAX, skip_unless, wait_until};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::cluster::history::{ClientObservation, History, read, require_all_served};
use crate::cluster::linearizability::require_sound;
use crate::cluster::nodes::{Node, Nodes};

/// Much longer than joining takes, and shorter than the timeout of a request.
const LOOKED_FOR: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

async fn is_ready(node: &Node) -> bool {
    let request = node.api.request(hyper::Method::GET, "/healthz/ready");
    let response = node.api.try_send(request, "").await;
    response.is_ok_and(|response| response.status.is_success())
}

/// It is not ready before it is in the table of nodes, nor for [`LOOKED_FOR`] after that.
async fn require_unready(nodes: &Nodes, node: &Node) {
    while nodes.id_of(&node.name).await.is_none() {
        assert!(!is_ready(node).await, "ready before it is there");
        sleep(POLL).await;
    }
    let began = Instant::now();
    while began.elapsed() < LOOKED_FOR {
        assert!(!is_ready(node).await, "ready, and has not met the others");
        sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_a_peer_becomes_ready_later() {
    let mut nodes = skip_unless!(Nodes::start(2).await);
    let history = History::start(&nodes.apis()).await;
    nodes.nodes[0].peers.stall();
    let third = nodes.spawn("n3");
    require_unready(&nodes, &third).await;
    third.wait_ready().await;
    let is_reported = || third.process.log().contains("some nodes are unreachable");
    wait_until("its report", NODE_TIME_MAX, is_reported);
    nodes.nodes[0].peers.heal();
    nodes.nodes.push(third);
    nodes.wait_settled().await;
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_node_parks_requests_until_it_has_a_peer() {
    let mut nodes = skip_unless!(Nodes::start(1).await);
    let history = History::start(&nodes.apis()).await;
    let account = history.accounts[0].clone();
    // Nodes that connect to it get no response.
    nodes.nodes[0].peers.stall();
    let second = nodes.spawn("n2");
    // It accepts connections long before it can answer requests.
    let early = tokio::spawn({
        let (api, account) = (second.api.clone(), account.clone());
        async move {
            while TcpStream::connect(api.address).await.is_err() {
                sleep(POLL).await;
            }
            read(&api, &account).await
        }
    });
    require_unready(&nodes, &second).await;
    nodes.nodes[0].peers.heal();
    second.wait_ready().await;
    let observed = early.await.expect("no panic");
    assert!(
        matches!(observed, ClientObservation::At(_)),
        "a read that came early: {observed:?}"
    );
    nodes.nodes.push(second);
    nodes.wait_settled().await;
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}
