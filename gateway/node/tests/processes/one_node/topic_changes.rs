//! Topics whose partitions change: the node says so while it runs and at its start, and what to do.

use std::time::Duration;

use fritzy_testbed::{Workspace, blocking, skip_unless, wait_until};
use fritzy_testbed_shop::kafka::start_brokers;

/// A node looks every ten seconds.
const NOTICED_WITHIN: Duration = Duration::from_secs(40);
const TOOL_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn changed_partitions_are_reported_with_the_remedy() {
    let kafka = skip_unless!(start_brokers(1));
    let (workspace, brokers) = (Workspace::new(), kafka.bootstrap());
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
    let change = |arguments: &[&str]| {
        blocking(|| kafka.tool("org.apache.kafka.tools.TopicCommand", arguments, TOOL_MAX));
    };
    let reset = "fritzy projections reset kafka --all --to start";

    let mut node = workspace.node_with(&["--kafka-brokers", &brokers, "--shards", "4"]);
    node.address();
    let is_logged = |part: &str| {
        let log = node.log();
        log.lines()
            .any(|line| line.contains(part) && line.contains(reset))
    };
    wait_until("it publishes", NOTICED_WITHIN, || {
        node.log().contains("publishing to Kafka")
    });
    change(&["--alter", "--topic", "order.events", "--partitions", "5"]);
    let more = "the topic order.events has 5 partitions instead of 3";
    wait_until("more partitions are noticed", NOTICED_WITHIN, || {
        is_logged(more)
    });
    change(&["--delete", "--topic", "catalog.events"]);
    change(&["--create", "--topic", "catalog.events", "--partitions", "1"]);
    let fewer = "the topic catalog.events has 1 partitions instead of 3: it was created anew";
    wait_until("fewer partitions are noticed", NOTICED_WITHIN, || {
        is_logged(fewer)
    });
    node.kill();

    // The next process does not know what was there; the topics differ from each other.
    let mut node = workspace.node_with(&["--kafka-brokers", &brokers, "--shards", "4"]);
    node.address();
    let is_logged = |part: &str| {
        let log = node.log();
        log.lines()
            .any(|line| line.contains(part) && line.contains(reset))
    };
    for topic in ["order.events has 5", "catalog.events has 1"] {
        let line = format!("the topic {topic} partitions, and others have 3");
        wait_until(
            "a difference is noticed at the start",
            NOTICED_WITHIN,
            || is_logged(&line),
        );
    }

    let applied = workspace.run(&mut workspace.command(&apply));
    assert_eq!(applied.code, Some(1), "{applied:?}");
    for part in [
        "order.events: partitions is 5, should be 3\n  ",
        "catalog.events: partitions is 1, should be 3\n  ",
        "--partitions 5",
        reset,
    ] {
        assert!(applied.stdout.contains(part), "{part}: {applied:?}");
    }
}
