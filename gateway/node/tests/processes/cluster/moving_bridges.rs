//! Three nodes publish on Kafka: the owner of a shard publishes its events. Nodes are killed, leave
//! and rejoin under load. Kafka must have the whole journal, in order (I6), with everything that
//! was acknowledged (I1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::RecordedEvent;
use fritzy_testbed::{
    ClusterSettings, LocalCluster, LocalNode, NODE_TIME_MAX, Workspace, skip_unless,
};
use fritzy_testbed_shop::kafka::{Consumed, consume_in_java, start_brokers};
use fritzy_testbed_shop::{Api, RESPONSE_TIME_MAX, read_cluster_state, shards_of};
use fritzy_types::{NodeId, ShardCount};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::one_node::database::{Database, SHARDS};
use crate::one_node::killed::require_logs_kept;
use crate::one_node::metric::wait_published;
use crate::one_node::shop_clients::ShopClient;

const CLIENTS: u64 = 12;
/// Acknowledgements between two changes of membership.
const BETWEEN: usize = 100;
/// Until a node that has joined owns shards.
const MOVE_MAX: Duration = Duration::from_secs(60);
/// From the end of the load until everything is published.
const PUBLISH_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn i6_shards_that_move_are_published_whole_and_in_order() {
    let database = skip_unless!(Database::postgres());
    let kafka = skip_unless!(start_brokers(1));
    let (workspace, brokers) = (Workspace::new(), kafka.bootstrap());
    let apply = ["topics", "apply", "--partitions", "3"];
    let apply = [&apply[..], &["--kafka-brokers", &brokers]].concat();
    let applied = workspace.run(&mut workspace.command(&apply));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let Database::Postgres(server) = &database else {
        unreachable!("it was started")
    };
    let url = server.url("postgres");
    let settings = ClusterSettings::new(&url)
        .with("--shards", SHARDS)
        .with("--kafka-brokers", &brokers);
    let mut cluster = LocalCluster::new(settings);
    for name in ["first", "second", "third"] {
        cluster.add(name).expect("free ports");
    }

    let apis = ["first", "second"].map(|name| cluster.node(name).slot.addresses().api);
    let apis = apis.map(Api::at);
    let (count, mut acknowledged) = watch::channel(0);
    let count = Arc::new(count);
    let running: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = ShopClient::new(number, 7);
            let api = apis[number as usize % 2].clone();
            tokio::spawn(client.run(api, count.clone()))
        })
        .collect();
    let mut wait_more = async || {
        let enough = *acknowledged.borrow() + BETWEEN;
        let reached = acknowledged.wait_for(|so_far| *so_far >= enough);
        let reached = timeout(RESPONSE_TIME_MAX, reached).await;
        drop(reached.expect("the nodes acknowledge in time"));
    };
    let before = wait_owns_shards(&url, "third", None).await;
    wait_more().await;
    let slot = cluster.kill("third");
    wait_more().await;
    cluster.start_in(slot);
    let before = wait_owns_shards(&url, "third", Some(before)).await;
    wait_more().await;
    let LocalNode { slot, process } = cluster.take("third");
    process.terminate();
    wait_more().await;
    let exited = process.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    cluster.start_in(slot);
    wait_owns_shards(&url, "third", Some(before)).await;
    wait_more().await;
    cluster.kill("third");
    wait_more().await;

    cluster.kill("first");
    cluster.kill("second");
    let mut clients = Vec::new();
    for client in running {
        let stopped = timeout(RESPONSE_TIME_MAX, client).await;
        let stopped = stopped.expect("clients stop with their node");
        clients.push(stopped.expect("no client was refused"));
    }
    let found = database.read_left().await;
    require_logs_kept(&clients, &found);
    let journal: Vec<RecordedEvent> = found.events.into_values().flatten().collect();
    // What was in flight when the last nodes were killed is published by the next one.
    let last = cluster.add("last").expect("free ports");
    wait_published(&Api::at(last.slot.addresses().api), PUBLISH_MAX).await;
    let log = last.process.log();
    cluster.kill("last");
    let consumed = Consumed::all(&brokers);
    consumed.require_whole(&journal);
    let (messages, repeats) = (consumed.messages, consumed.repeats);
    let in_java = consume_in_java(&kafka);
    in_java.require_whole(&journal);
    println!(
        "{} events, {messages} messages, {repeats} of them repeats",
        journal.len()
    );
    assert!(!log.contains("a projection stops"), "{log}");
    database.verify(&workspace);
}

/// Waits until an incarnation of a node other than `before` owns shards, and returns its id.
/// Membership must be stable for some seconds first.
async fn wait_owns_shards(database_url: &str, name: &str, before: Option<NodeId>) -> NodeId {
    let shards = ShardCount::new(SHARDS).expect("in range");
    let began = Instant::now();
    loop {
        // A busy machine may be slower than a node would wait.
        if let Ok(state) = read_cluster_state(database_url, shards).await {
            let mut live = state.nodes.iter().filter(|record| !record.fenced);
            let found = live.find(|it| it.node.name == name && Some(it.node.id) != before);
            let found = found.map(|record| record.node.id);
            if let Some(id) = found.filter(|id| !shards_of(&state, *id).is_empty()) {
                return id;
            }
            assert!(
                began.elapsed() < MOVE_MAX,
                "{name} owns no shards: {state:#?}"
            );
        }
        sleep(Duration::from_millis(200)).await;
    }
}
