//! Real brokers: started, asked, broken, ended.

use std::process::Command;
use std::time::Duration;

use fritzy_services::{KafkaCluster, KafkaConfig, ServiceError, skipped};

const TOOL_MAX: Duration = Duration::from_secs(60);

fn cluster(test: &str, brokers: usize) -> Option<KafkaCluster> {
    let config = KafkaConfig {
        brokers,
        ..KafkaConfig::default()
    };
    match KafkaCluster::start(&config) {
        Ok(cluster) => Some(cluster),
        Err(missing @ ServiceError::Missing { .. }) => {
            skipped(test, &missing.to_string());
            None
        }
        Err(failure) => panic!("{failure}"),
    }
}

fn topics(cluster: &KafkaCluster, arguments: &[&str]) -> String {
    let class = "org.apache.kafka.tools.TopicCommand";
    cluster
        .tool(class, arguments, TOOL_MAX)
        .expect("the tool works")
}

fn processes_with(part: &str) -> usize {
    let listed = Command::new("ps")
        .args(["-eo", "args"])
        .output()
        .expect("ps");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed
        .lines()
        .filter(|line| line.contains(part) && line.contains("kafka.Kafka"))
        .count()
}

#[test]
fn one_broker_keeps_its_topics_through_kill_and_restart_and_leaves_nothing() {
    let test = "one_broker_keeps_its_topics_through_kill_and_restart_and_leaves_nothing";
    let Some(mut cluster) = cluster(test, 1) else {
        return;
    };
    assert!(cluster.version().starts_with('4'), "{}", cluster.version());
    topics(
        &cluster,
        &["--create", "--topic", "order.events", "--partitions", "3"],
    );
    cluster.kill(0).expect("kills");
    cluster.start_again(0).expect("starts");
    let listed = topics(&cluster, &["--describe", "--topic", "order.events"]);
    assert!(listed.contains("PartitionCount: 3"), "{listed}");
    cluster.pause(0).expect("stops");
    cluster.resume(0).expect("goes on");
    let folder = cluster.folder().to_owned();
    let part = folder.display().to_string();
    assert_eq!(processes_with(&part), 1);
    drop(cluster);
    assert_eq!(processes_with(&part), 0);
    assert!(!folder.exists());
}

#[test]
fn three_brokers_go_on_without_one() {
    let Some(mut cluster) = cluster("three_brokers_go_on_without_one", 3) else {
        return;
    };
    let create = [
        "--create",
        "--topic",
        "order.events",
        "--partitions",
        "3",
        "--replication-factor",
        "3",
    ];
    topics(&cluster, &create);
    cluster.kill(1).expect("kills");
    let listed = topics(&cluster, &["--describe", "--topic", "order.events"]);
    assert!(listed.contains("ReplicationFactor: 3"), "{listed}");
}
