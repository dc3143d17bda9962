//! `fritzy cluster` while things go wrong: nodes that die, and operators who get in each other's way.

use std::time::Duration;

use serde_json::Value;

use crate::node_process::NODE_TIME_MAX;
use crate::operated::{Cluster, TOKEN};

fn counts(status: &Value) -> Vec<u64> {
    let nodes = status["nodes"].as_array().expect("a list").iter();
    nodes
        .map(|node| node["shards"].as_u64().expect("a number"))
        .collect()
}

/// All of these nodes own shards, and nothing moves.
fn shared_by(status: &Value, nodes: usize) -> bool {
    let counts = counts(status);
    counts.len() == nodes
        && counts.iter().all(|count| *count > 0)
        && status["asked"]["moving"]["count"] == 0
        && status["shards"]["unowned"]["count"] == 0
}

/// The names of what an object holds.
fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// What programs read of a status: more may come, none of this may go.
fn require_what_programs_read(status: &Value) {
    let list = ["count", "first"];
    for (part, expected) in [
        ("", &["asked", "gone", "nodes", "shards"][..]),
        (
            "/asked",
            &[
                "id",
                "leaseMs",
                "lookedMsAgo",
                "moving",
                "name",
                "nowhere",
                "running",
                "tablesFailure",
            ],
        ),
        ("/asked/moving", &list),
        ("/asked/nowhere", &list),
        ("/shards", &["count", "unowned"]),
        ("/shards/unowned", &list),
        (
            "/nodes/0",
            &[
                "address",
                "asked",
                "beat",
                "connected",
                "draining",
                "id",
                "name",
                "program",
                "roles",
                "roundTripUs",
                "shards",
                "silentMs",
                "wireMax",
                "wireMin",
            ],
        ),
        (
            "/gone/0",
            &["address", "fencedMsAgo", "id", "name", "shards"],
        ),
    ] {
        let object = status.pointer(part).expect(part);
        let mut names = names(object);
        names.sort_unstable();
        assert_eq!(names, expected, "{part}: {status:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_died_is_told_apart_from_the_nodes() {
    let test = "a_run_that_has_died_is_told_apart_from_the_nodes";
    let Some(mut cluster) = Cluster::start(test, 3) else {
        return;
    };
    let status = cluster.settled(0, |status| shared_by(status, 3)).await;
    let id = status["nodes"][1]["id"].as_str().expect("an id").to_owned();

    // While it is drained: it hears nothing of it, and dies.
    let (mut dying, _) = cluster.nodes.remove(1);
    dying.address();
    dying.signal("STOP");
    let mut drain = cluster
        .ground
        .command(&["cluster", "drain", "node-2", "--timeout-s", "60"]);
    drain
        .env("FRITZY_ADMIN_URL", &cluster.nodes[0].1)
        .env("FRITZY_ADMIN_TOKEN", TOKEN);
    let mut drain = cluster.ground.spawn(&mut drain);
    drain.says("shards left", NODE_TIME_MAX);
    dying.kill();
    let drained = drain.ended_within(NODE_TIME_MAX);
    assert_eq!(drained.code, Some(1), "{drained:?}");
    assert!(
        drained
            .stderr
            .contains("node-2 was taken for dead before it was empty"),
        "{drained:?}"
    );

    let status = cluster.settled(0, |status| shared_by(status, 2)).await;
    require_what_programs_read(&status);
    assert_eq!(status["gone"].as_array().map(Vec::len), Some(1));
    let gone = &status["gone"][0];
    assert_eq!(
        (&gone["name"], &gone["id"]),
        (&"node-2".into(), &id.as_str().into())
    );
    assert_eq!(gone["shards"], 0, "others have taken them");
    let ago = gone["fencedMsAgo"].as_u64().expect("it was read");
    assert!(Duration::from_millis(ago) < 2 * NODE_TIME_MAX, "{gone}");
    let text = cluster.told(1, &["status"]);
    assert!(
        text.contains(&format!("\ngone: node-2 ({id}), taken for dead ")),
        "{text}"
    );
    let refused = cluster.cluster(0, &["drain", "node-2"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("there are node-1, node-3"),
        "{refused:?}"
    );

    cluster.add("node-2");
    cluster.settled(0, |status| shared_by(status, 3)).await;
    let text = cluster.told(0, &["status"]);
    assert!(
        text.contains(&format!("\ngone: an earlier run of node-2 ({id})")),
        "{text}"
    );
}
