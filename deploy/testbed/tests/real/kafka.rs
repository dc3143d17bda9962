//! Real brokers: started, asked, broken, ended.

use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use fritzy_testbed::{KafkaCluster, KafkaConfig, ServiceError, TansuBroker, skip_unless};

const TOOL_MAX: Duration = Duration::from_secs(60);

fn brokers(count: usize) -> Result<KafkaCluster, ServiceError> {
    KafkaCluster::start(&KafkaConfig {
        brokers: count,
        ..KafkaConfig::default()
    })
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
fn broker_keeps_topics_through_kill_and_leaves_nothing() {
    let mut cluster = skip_unless!(brokers(1));
    assert!(cluster.version().starts_with('4'), "{}", cluster.version());
    topics(
        &cluster,
        &["--create", "--topic", "order.events", "--partitions", "3"],
    );
    cluster.kill(0).expect("kills");
    cluster.restart(0).expect("starts");
    let listed = topics(&cluster, &["--describe", "--topic", "order.events"]);
    assert!(listed.contains("PartitionCount: 3"), "{listed}");
    cluster.pause(0).expect("stops");
    cluster.resume(0).expect("resumes");
    let folder = cluster.folder().to_owned();
    let part = folder.display().to_string();
    assert_eq!(processes_with(&part), 1);
    // What it unpacks for itself is in its folder, and goes with it.
    let temporary = format!("-Djava.io.tmpdir={part}/broker-1");
    assert_eq!(processes_with(&temporary), 1);
    drop(cluster);
    assert_eq!(processes_with(&part), 0);
    assert!(!folder.exists());
}

#[test]
fn three_brokers_tolerate_the_loss_of_one() {
    let mut cluster = skip_unless!(brokers(3));
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

#[test]
fn detached_brokers_are_found_and_ended() {
    let cluster = skip_unless!(brokers(1));
    let address = cluster.bootstrap();
    let left = cluster.detach().expect("running brokers");
    assert!(left.is_running());
    TcpStream::connect(&address).expect("it listens");
    left.end().expect("ends");
    assert!(!left.is_running() && !left.folder.exists());
    // A killed process gives its port back when its memory is gone.
    let deadline = Instant::now() + TOOL_MAX;
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "the port is still in use");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn in_memory_broker_serves_and_leaves_nothing() {
    let broker = skip_unless!(TansuBroker::start(None));
    let address = broker.bootstrap().to_owned();
    TcpStream::connect(&address).expect("it listens");
    drop(broker);
    TcpStream::connect(&address).expect_err("the listener is closed");
    let broker = TansuBroker::start(None).expect("it starts again");
    let left = broker.detach().expect("a running broker");
    assert!(left.is_running());
    left.end().expect("ends");
    assert!(!left.is_running() && !left.folder.exists());
}
