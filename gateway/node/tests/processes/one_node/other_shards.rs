//! A shop with fewer shards in the place of a running node's file.

use std::fs;

use fritzy_testbed::{NODE_TIME_MAX, Workspace, wait_until};
use fritzy_testbed_shop::Api;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn i1_file_with_fewer_shards_lacks_events_by_name() {
    let workspace = Workspace::new();
    let mut other = workspace.node_with(&["--shards", "2", "--data-dir", "other"]);
    other.address();
    other.terminate();
    assert_eq!(other.wait_exit(NODE_TIME_MAX).code, Some(0));

    let mut node = workspace.node();
    let api = Api::at(node.address());
    for _ in 0..5 {
        api.new_account("lost").await;
    }
    let current = workspace.current();
    let database = current.join("data/fritzy.db");
    fs::rename(current.join("other/fritzy.db"), database).expect("replaced");
    // It does not start over with another number of shards than its own.
    let refusal = "was created with 2 shards";
    wait_until(refusal, NODE_TIME_MAX, || node.log().contains(refusal));
    let log = node.log();
    let mut said = log
        .lines()
        .filter(|line| line.contains("the database went backwards"));
    let said: Value = serde_json::from_str(said.next().expect("a line")).expect("JSON");
    assert_eq!(said["lost_events"], 5, "{said}");
    let named = said["lost"].as_str().expect("the lost positions");
    assert!(named.contains(":1"), "{said}");
}
