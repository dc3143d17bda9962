//! The network between nodes: partitioned in several ways, slow, and with many foreign connections.
//! The database stays reachable, so ownership stays.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fritzy_testbed::{NodeSlot, skip_unless, wait_until};
use fritzy_testbed_shop::Api;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::cluster::history::{
    ClientObservation, History, Observation, read, require_all_served, require_answers,
};
use crate::cluster::linearizability::{answered, between, require_sound};
use crate::cluster::nodes::{Nodes, shard_of};

/// A line is written a little later than it is logged.
const LOGGED_MAX: Duration = Duration::from_secs(1);
/// Longer than the time until a silent node is fenced.
const LONG: Duration = Duration::from_secs(8);
/// Until ten nodes share all shards: they join, membership is stable for some seconds, and shards
/// move.
const TEN_MAX: Duration = Duration::from_secs(40);

/// How a node is partitioned from its peers.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Nothing arrives, without an error.
    Silent,
    /// What the node sends does not arrive; it still receives.
    OneWay,
    /// Connections are closed, and new ones not accepted.
    Refused,
}

async fn require_partition_tolerated(nodes: Nodes, cut: Cut) {
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let before = nodes.ownership().await;
    // It joined first, so all others connect to it: this proxy carries all of its connections.
    let alone = &nodes.nodes[0];
    match cut {
        Cut::Silent => alone.peers.stall(),
        Cut::OneWay => alone.peers.drop_server_bytes(),
        Cut::Refused => alone.peers.cut(),
    }
    let own = [nodes.shards_of("n1").await, nodes.shards_of("n2").await];
    // Each side serves its own shards.
    tokio::join!(
        require_answers(&nodes.nodes[0].api, &history.accounts, &own[0], LONG),
        require_answers(&nodes.nodes[1].api, &history.accounts, &own[1], LONG),
    );
    assert_eq!(nodes.ownership().await, before, "{cut:?}: ownership stays");
    alone.peers.heal();
    nodes
        .wait_until("every account is served again", async |nodes| {
            for account in history.accounts.iter() {
                for node in &nodes.nodes {
                    if !matches!(read(&node.api, account).await, ClientObservation::At(_)) {
                        return false;
                    }
                }
            }
            true
        })
        .await;
    require_sound(history, nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silently_partitioned_node_keeps_its_shards() {
    let nodes = skip_unless!(Nodes::start(3).await);
    require_partition_tolerated(nodes, Cut::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_partitioned_node_keeps_its_shards() {
    let nodes = skip_unless!(Nodes::start(3).await);
    require_partition_tolerated(nodes, Cut::OneWay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_with_refused_connections_keeps_its_shards() {
    let nodes = skip_unless!(Nodes::start(3).await);
    require_partition_tolerated(nodes, Cut::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn isolated_node_is_replaced_and_rejoins() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let (alone, run) = (&nodes.nodes[0], nodes.id_of("n1").await);
    alone.peers.stall();
    alone.lose_database();
    let taken = nodes.wait_taken_over(run.expect("a running node")).await;
    assert!(taken < Duration::from_secs(10), "{taken:?}");
    alone.peers.heal();
    alone.database.heal();
    nodes.wait_settled().await;
    assert_ne!(nodes.id_of("n1").await, run, "the same incarnation");
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_peer_delays_only_its_own_shards() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let before = nodes.ownership().await;
    nodes.nodes[0].peers.delay(Duration::from_millis(300));
    let began = Instant::now();
    sleep(LONG).await;
    assert_eq!(nodes.ownership().await, before, "ownership stays");
    // Through another node, for shards of other owners.
    let slow = nodes.shards_of("n1").await;
    let is_slow = |account: &str| slow.contains(&shard_of(account));
    let ended = Instant::now();
    nodes.nodes[0].peers.heal();
    let observations = require_sound(history, nodes).await;
    let through_others = between(&observations, began, ended).into_iter();
    let (of_slow, of_others): (Vec<&Observation>, Vec<&Observation>) = through_others
        .filter(|observation| observation.node != 0)
        .partition(|observation| is_slow(&observation.account));
    let p90 = |observations: &[&Observation]| {
        let mut took: Vec<Duration> = observations.iter().map(|n| n.ended - n.began).collect();
        took.sort_unstable();
        took[took.len() * 9 / 10]
    };
    let (slow, fast) = (p90(&of_slow), p90(&of_others));
    println!("p90 of the slow node's shards {slow:?}, of others {fast:?}");
    assert!(slow >= Duration::from_millis(300), "{slow:?}");
    assert!(fast < Duration::from_millis(250), "{fast:?}");
    assert!(answered(&of_slow) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_joining_at_once_share_all_shards() {
    let mut nodes = skip_unless!(Nodes::start(0).await);
    let began = Instant::now();
    let mut all: Vec<_> = (1..=10)
        .map(|number| nodes.spawn(&format!("n{number}")))
        .collect();
    for node in &mut all {
        node.api = Api::at(block_in_place(|| node.process.address()));
    }
    nodes.nodes = all;
    nodes.wait_settled().await;
    let took = began.elapsed();
    println!("ten nodes share all shards after {took:?}");
    assert!(took < TEN_MAX, "{took:?}");
    let history = History::start(&nodes.apis()[..2]).await;
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}

/// Concurrent connections of [`reconnect_until`].
const STUBBORN: usize = 800;

/// Holds silent connections, and replaces each that is closed. Returns how many it opened.
fn reconnect_until(call: impl Fn() -> TcpStream, is_over: &AtomicBool) -> usize {
    let call = || {
        let stream = call();
        stream.set_nonblocking(true).expect("a setting");
        stream
    };
    let mut held: Vec<TcpStream> = (0..STUBBORN).map(|_| call()).collect();
    let mut calls = held.len();
    while !is_over.load(Ordering::Relaxed) {
        for stream in &mut held {
            let mut said = [0; 64];
            let is_ended = match stream.read(&mut said) {
                Ok(read) => read == 0,
                Err(failure) => failure.kind() != ErrorKind::WouldBlock,
            };
            if is_ended {
                *stream = call();
                calls += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn unauthenticated_connections_do_not_block_a_joining_node() {
    let mut nodes = skip_unless!(Nodes::start(2).await);
    let history = History::start(&nodes.apis()).await;
    let port = nodes.nodes[0].cluster_address;
    let call = move || TcpStream::connect(port).expect("it listens");
    // More connections than a node authenticates at once, all of them silent.
    let silent: Vec<TcpStream> = (0..100).map(|_| call()).collect();
    // Many more, which reconnect whenever they are closed.
    let is_over = Arc::new(AtomicBool::new(false));
    let stubborn = std::thread::spawn({
        let is_over = is_over.clone();
        move || reconnect_until(call, &is_over)
    });
    let mut garbage = call();
    garbage.write_all(&[0xff; 4_096]).expect("sent");
    let mut http = call();
    http.write_all(b"GET / HTTP/1.1\r\nhost: node\r\n\r\n")
        .expect("sent");
    // A joining node waits behind them for its handshake.
    let began = Instant::now();
    let third = nodes.spawn("n3");
    third.wait_ready().await;
    println!(
        "ready after {:?} beside {STUBBORN} silent calls",
        began.elapsed()
    );
    let is_met = |line: &str| line.contains("\"connected\"") && line.contains("\"n1\"");
    let has_met = || third.process.log().lines().any(is_met);
    wait_until("its log says that it has met n1", LOGGED_MAX, has_met);
    nodes.nodes.push(third);
    nodes.wait_settled().await;
    is_over.store(true, Ordering::Relaxed);
    let calls = stubborn.join().expect("no panic");
    assert!(
        calls > 2 * STUBBORN,
        "they were sent away, and came again: {calls}"
    );
    for mut foreign in silent.into_iter().chain([garbage, http]) {
        let patient = Some(Duration::from_secs(15));
        foreign.set_read_timeout(patient).expect("a limit");
        let mut said = Vec::new();
        let read = foreign.read_to_end(&mut said);
        // Closed, in order or not, after a greeting.
        let is_over = read.is_ok() || said.len() >= 24;
        assert!(is_over, "{read:?} after {} bytes", said.len());
    }
    require_all_served(&nodes, &history).await;
    require_sound(history, nodes).await;
}

/// It has the database's generation, the rows of the nodes and the cookie. In its copy, it owns
/// everything.
#[tokio::test(flavor = "multi_thread")]
async fn node_on_a_copied_database_is_rejected_by_peers() {
    let nodes = skip_unless!(Nodes::start(2).await);
    let history = History::start(&nodes.apis()).await;
    let before = nodes.ownership().await;
    let [url, copy] = ["postgres", "copy"].map(|database| nodes.server.url(database));
    let dump = nodes.server.program("pg_dump").display().to_string();
    let psql = nodes.server.program("psql").display().to_string();
    let copying = format!(
        "'{psql}' -qd '{url}' -c 'CREATE DATABASE copy' && '{dump}' -d '{url}' | '{psql}' -qd '{copy}'"
    );
    let copied = block_in_place(|| Command::new("sh").args(["-c", &copying]).output());
    let copied = copied.expect("there is a shell");
    assert!(copied.status.success(), "{copied:?}");
    let slot = NodeSlot::new("stranger", Nodes::settings(&copy)).expect("free ports");
    let mut foreign = slot.spawn();
    let address = block_in_place(|| foreign.address());
    // It declares the others dead, and acquires all shards.
    let account = &history.accounts[0];
    while !matches!(
        read(&Api::at(address), account).await,
        ClientObservation::At(_)
    ) {}
    sleep(LONG).await;
    assert_eq!(nodes.ownership().await, before, "shards moved");
    require_all_served(&nodes, &history).await;
    nodes
        .wait_until("the copy is reported", async |nodes| {
            let mut nodes = nodes.nodes.iter();
            nodes.any(|node| node.process.log().contains("may be a copy of this one"))
        })
        .await;
    foreign.kill();
    require_sound(history, nodes).await;
}
