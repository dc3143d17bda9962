//! `fritzy cluster` while nodes die, and while operators interfere with each other.

use std::time::Duration;

use fritzy_testbed::{NODE_TIME_MAX, skip_unless, wait_until_async};
use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cluster::admin_api::{AdminCluster, TOKEN};

/// After this time without heartbeats, the others take the shards of a node.
const FENCED_AFTER: Duration = Duration::from_secs(4);

fn counts(status: &Value) -> Vec<u64> {
    let nodes = status["nodes"].as_array().expect("a list").iter();
    nodes
        .map(|node| node["shards"].as_u64().expect("a number"))
        .collect()
}

/// All of these nodes own shards, and no shard moves.
fn shared_by(status: &Value, nodes: usize) -> bool {
    let counts = counts(status);
    counts.len() == nodes
        && counts.iter().all(|count| *count > 0)
        && status["asked"]["moving"]["count"] == 0
        && status["shards"]["unowned"]["count"] == 0
}

/// The field names of an object.
fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// The fields that programs read of a status: more may be added, none of these removed.
fn require_documented_fields(status: &Value) {
    let list = ["count", "first"];
    for (part, expected) in [
        ("", &["asked", "generation", "gone", "nodes", "shards"][..]),
        (
            "/generation",
            &["began", "id", "lost", "lostEvents", "number"],
        ),
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
                "unreachedMs",
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
async fn dead_incarnation_is_listed_apart_from_live_nodes() {
    let mut cluster = skip_unless!(AdminCluster::start(3));
    let status = cluster
        .wait_status("node-1", |status| shared_by(status, 3))
        .await;
    let id = status["nodes"][1]["id"].as_str().expect("an id").to_owned();

    // The node is paused, so it does not receive the drain, and is then killed.
    assert_eq!(cluster.status("node-1").1.code, Some(0));
    let dying = cluster.cluster.take("node-2").process;
    dying.pause();
    let mut drain = cluster.command("node-1", &["drain", "node-2", "--timeout-s", "60"]);
    let mut drain = cluster.workspace.spawn(&mut drain);
    drain.wait_for_stdout("shards remaining", NODE_TIME_MAX);
    dying.kill();
    // Its shards are not served from its death on: first it is unreachable, then they have no
    // owner.
    let is_unserved = async || cluster.status("node-1").1.code == Some(1);
    wait_until_async("its shards count as unserved", FENCED_AFTER, is_unserved).await;
    // Each node notices by itself that the connection has ended.
    let is_named = async || {
        let exited = cluster.run("node-3", &["status"]);
        exited.code == Some(1) && exited.stderr.contains(" of 8 shards")
    };
    wait_until_async("another node counts them, too", FENCED_AFTER, is_named).await;
    let drained = drain.wait_exit(NODE_TIME_MAX);
    assert_eq!(drained.code, Some(1), "{drained:?}");
    assert!(
        drained
            .stderr
            .contains("node-2 was declared dead before it was empty"),
        "{drained:?}"
    );

    let status = cluster
        .wait_status("node-1", |status| shared_by(status, 2))
        .await;
    require_documented_fields(&status);
    assert_eq!(status["gone"].as_array().map(Vec::len), Some(1));
    let gone = &status["gone"][0];
    assert_eq!(
        (&gone["name"], &gone["id"]),
        (&"node-2".into(), &id.as_str().into())
    );
    assert_eq!(gone["shards"], 0, "others have taken them");
    let ago = gone["fencedMsAgo"].as_u64().expect("it was read");
    assert!(Duration::from_millis(ago) < 2 * NODE_TIME_MAX, "{gone}");
    let text = cluster.run("node-3", &["status"]).stdout;
    assert!(
        text.contains(&format!("\ngone: node-2 ({id}), declared dead ")),
        "{text}"
    );
    let refused = cluster.run("node-1", &["drain", "node-2"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("known nodes are node-1, node-3"),
        "{refused:?}"
    );

    cluster.cluster.add("node-2").expect("free ports");
    cluster
        .wait_status("node-1", |status| shared_by(status, 3))
        .await;
    let text = cluster.stdout("node-1", &["status"]);
    assert!(
        text.contains(&format!("\ngone: an earlier incarnation of node-2 ({id})")),
        "{text}"
    );
}

/// Rounds in which two operators drain the only two nodes; in at least one of them at the same
/// time.
const ROUNDS: usize = 5;

/// If both were drained, no node would be ready, and the API unavailable.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_drains_never_empty_the_last_node() {
    let cluster = skip_unless!(AdminCluster::start(2));
    cluster
        .wait_status("node-1", |status| shared_by(status, 2))
        .await;
    for round in 0..ROUNDS {
        let drain = async |node: &str| {
            let admin = cluster.admin(node);
            let request = admin
                .request(Method::POST, "/cluster/drain")
                .header(AUTHORIZATION, format!("Bearer {TOKEN}"));
            let body = json!({ "node": node }).to_string();
            admin.send(request, body).await
        };
        let (one, other) = tokio::join!(drain("node-1"), drain("node-2"));
        let refused = [&one, &other];
        let mut refused = refused
            .iter()
            .filter(|response| response.status != StatusCode::OK);
        let first = refused.next().expect("one at least is refused");
        assert_eq!(
            first.json()["error"]["code"],
            "NOBODY_ELSE",
            "round {round}"
        );
        let (status, _) = cluster.status("node-1");
        let nodes = status["nodes"].as_array().expect("a list").iter();
        let drained = nodes.filter(|node| node["draining"] == true).count();
        assert!(drained < 2, "round {round}: {status:#}");
        for node in ["node-1", "node-2"] {
            cluster.stdout("node-1", &["undrain", node]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_node_name_is_refused_on_one_plain_line() {
    let cluster = skip_unless!(AdminCluster::start(1));
    let long = "n".repeat(5_000);
    for wanted in ["", " ", "node-1 ", "a\nb", "\u{1b}[31mred", &long] {
        for action in ["drain", "undrain"] {
            let exited = cluster.run("node-1", &[action, wanted]);
            assert_eq!(exited.code, Some(2), "{exited:?}");
            let line = exited.stderr.trim_end_matches('\n');
            assert!(line.contains("not a node's name or id"), "{exited:?}");
            assert!(!line.contains(char::is_control), "{exited:?}");
        }
    }
}
