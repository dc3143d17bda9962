//! The logs of an ordinary restart of one node: nothing to worry about, so nothing above info.

use std::time::Duration;

use fritzy_testbed::{ClusterSettings, Workspace, skip_unless};
use fritzy_testbed_shop::kafka::start_brokers;
use serde_json::Value;

use crate::cluster::admin_api::AdminCluster;

const NAMES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// What is logged late, by tasks that notice a lost connection after some seconds, is logged by then.
const LOGGED_WITHIN: Duration = Duration::from_secs(5);

/// The log entries of a node.
fn entries(log: &str) -> impl Iterator<Item = Value> + '_ {
    let parsed = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    log.lines().map(parsed)
}

fn is_serious(entry: &Value) -> bool {
    ["WARN", "ERROR"].contains(&entry["level"].as_str().unwrap_or_default())
}

fn count(log: &str, message: &str, node: &str) -> usize {
    let of_it = |entry: &Value| entry["message"] == message && entry["node"] == node;
    entries(log).filter(of_it).count()
}

async fn wait_settled(cluster: &AdminCluster) {
    for name in NAMES {
        cluster
            .wait_status(name, |status| {
                let nodes = status["nodes"].as_array().map_or(&[][..], Vec::as_slice);
                let own = nodes.iter().filter(|node| node["shards"] != 0).count();
                own == NAMES.len() && status["asked"]["moving"]["count"] == 0
            })
            .await;
    }
}

/// Restarts a node as soon as it has stopped, and reads the logs of all.
async fn require_quiet_restart(mut cluster: AdminCluster) {
    wait_settled(&cluster).await;
    let changes = |cluster: &AdminCluster, name: &str| {
        let log = cluster.cluster.node(name).process.log();
        ["a node has left", "a node has joined"].map(|message| count(&log, message, "node-2"))
    };
    let others = ["node-1", "node-3"];
    let before = others.map(|name| changes(&cluster, name));
    let (slot, exited) = tokio::task::block_in_place(|| cluster.cluster.terminate("node-2"));
    assert_eq!(exited.code, Some(0), "{exited:?}");
    tokio::task::block_in_place(|| cluster.cluster.start_in(slot));
    wait_settled(&cluster).await;
    tokio::time::sleep(LOGGED_WITHIN).await;

    let mut logs = vec![("stopped", exited.stderr)];
    for name in NAMES {
        logs.push((name, cluster.cluster.node(name).process.log()));
    }
    let serious: Vec<_> = logs
        .iter()
        .flat_map(|(name, log)| entries(log).map(move |entry| (name, entry)))
        .filter(|(_, entry)| is_serious(entry))
        .map(|(name, entry)| format!("{name}: {entry}"))
        .collect();
    assert!(serious.is_empty(), "{}", serious.join("\n"));
    for (name, [left, joined]) in others.into_iter().zip(before) {
        assert_eq!(changes(&cluster, name), [left + 1, joined + 1], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_restart_of_a_node_logs_no_warning() {
    require_quiet_restart(skip_unless!(AdminCluster::start(NAMES.len()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_restart_with_kafka_logs_no_warning() {
    let kafka = skip_unless!(start_brokers(1));
    let brokers = kafka.bootstrap();
    let workspace = Workspace::new();
    let apply = [
        "topics",
        "apply",
        "--partitions",
        "3",
        "--kafka-brokers",
        &brokers,
    ];
    let applied = workspace.run(&mut workspace.command(&apply));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let publishing = |settings: ClusterSettings| settings.with("--kafka-brokers", &brokers);
    let cluster = AdminCluster::start_with(NAMES.len(), publishing);
    require_quiet_restart(skip_unless!(cluster)).await;
}
