//! Three nodes publish on Kafka: whoever owns a shard publishes its events. Nodes are killed, leave and come back under load,
//! and Kafka has the journal, in order (I6), with everything that clients were told of (I1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::RecordedEvent;
use hyper::Method;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::brokers::plain;
use crate::client::{ANSWER_TIME_MAX, Api};
use crate::console::consume_in_java;
use crate::consumed::Consumed;
use crate::database::Database;
use crate::killed::require_logs_kept;
use crate::node_process::{Ground, NODE_TIME_MAX, NodeProcess};
use crate::shop_clients::ShopClient;

const CLIENTS: u64 = 12;
/// Acknowledgements between two changes of nodes.
const BETWEEN: usize = 100;
/// From the end of the load until all is published.
const PUBLISH_MAX: Duration = Duration::from_secs(60);

/// The nodes of one cluster.
struct Cluster<'g> {
    ground: &'g Ground,
    arguments: Vec<String>,
}

impl Cluster<'_> {
    /// Starts a node; when this returns, it serves.
    fn node(&self, name: &str) -> NodeProcess {
        let arguments = self.arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.chain(["--node-name", name]).collect();
        self.ground.node_with(&arguments)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_change_hands_are_published_whole_and_in_order() {
    let test = "shards_that_change_hands_are_published_whole_and_in_order";
    let Some(database) = Database::postgres(test) else {
        return;
    };
    let Some(kafka) = plain(test, 1) else {
        return;
    };
    let (ground, brokers) = (Ground::new(), kafka.bootstrap());
    let apply = [
        "topics",
        "apply",
        "--partitions",
        "3",
        "--kafka-brokers",
        &brokers,
    ];
    let applied = ground.run(&mut ground.command(&apply));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let further = [
        ["--kafka-brokers", &brokers],
        ["--cluster-listen", "127.0.0.1:0"],
        ["--cluster-cookie", "a cookie of the tests"],
    ];
    let further = further.iter().flatten().map(|word| (*word).to_owned());
    let cluster = Cluster {
        ground: &ground,
        arguments: database.arguments().into_iter().chain(further).collect(),
    };
    let (mut first, mut second) = (cluster.node("first"), cluster.node("second"));
    let mut third = cluster.node("third");

    let apis = [first.address(), second.address()].map(Api::at);
    let (count, mut acknowledged) = watch::channel(0);
    let count = Arc::new(count);
    let running: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = ShopClient::new(number, 7);
            let api = apis[number as usize % 2].clone();
            tokio::spawn(client.run(api, count.clone()))
        })
        .collect();
    let mut go_on = async || {
        let enough = *acknowledged.borrow() + BETWEEN;
        let reached = acknowledged.wait_for(|so_far| *so_far >= enough);
        let reached = timeout(ANSWER_TIME_MAX, reached).await;
        drop(reached.expect("the nodes acknowledge in time"));
    };
    // Until shards have moved to the last that came.
    sleep(Duration::from_secs(5)).await;
    go_on().await;
    third.kill();
    go_on().await;
    third = cluster.node("third");
    sleep(Duration::from_secs(5)).await;
    go_on().await;
    third.signal("TERM");
    go_on().await;
    let ended = third.ended_within(NODE_TIME_MAX);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    third = cluster.node("third");
    sleep(Duration::from_secs(5)).await;
    go_on().await;
    third.kill();
    go_on().await;

    first.kill();
    second.kill();
    let mut clients = Vec::new();
    for client in running {
        let ended = timeout(ANSWER_TIME_MAX, client).await;
        let ended = ended.expect("clients end with their node");
        clients.push(ended.expect("no client was refused"));
    }
    let found = database.read_left().await;
    require_logs_kept(&clients, &found);
    let journal: Vec<RecordedEvent> = found.events.into_values().flatten().collect();
    // What was under way when the last nodes were killed is published by the next.
    let mut last = cluster.node("last");
    until_published(&Api::at(last.address())).await;
    let left = last.log();
    last.kill();
    let consumed = Consumed::all(&brokers);
    consumed.require_whole(&journal);
    let (messages, repeats) = (consumed.messages, consumed.repeats);
    let in_java = consume_in_java(&kafka);
    in_java.require_whole(&journal);
    println!(
        "{} events, {messages} messages, {repeats} of them repeats",
        journal.len()
    );
    assert!(!left.contains("a projection stops"), "{left}");
    database.verify(&ground);
}

/// Waits until a node's bridge has nothing left to do.
async fn until_published(api: &Api) {
    let published = "fritzy_projection_lag_events{projection=\"kafka\"} 0\n";
    let (began, mut times) = (Instant::now(), 0);
    // Twice in a row, some time apart: at first it does not know yet how far it is behind.
    while times < 2 {
        sleep(Duration::from_millis(1_500)).await;
        let scrape = api.request(Method::GET, "/metrics");
        let metrics = api.send(scrape, "").await.text;
        times = if metrics.contains(published) {
            times + 1
        } else {
            0
        };
        assert!(began.elapsed() < PUBLISH_MAX, "{metrics}");
    }
}
