//! `fritzy cluster` on three nodes: its output equals the tables, and its changes take effect under
//! load.

use fritzy_testbed::{NODE_TIME_MAX, skip_unless, wait_until_async};
use fritzy_testbed_shop::Api;
use fritzy_types::{ClusterState, NodeId};
use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cluster::admin_api::{AdminCluster, SETTLE_MAX, TOKEN};

/// Requests through another node while one is drained.
const REQUESTS: usize = 100;

/// Creates accounts, one after the other.
fn requests(api: Api) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut ids = Vec::new();
        for number in 0..REQUESTS {
            let document = format!(
                r#"mutation {{ createAccount(account: {{ name: "{number}" }}) {{ id }} }}"#
            );
            ids.push(api.run(&document).await.text_at("/createAccount/id"));
        }
        ids
    })
}

fn node<'s>(status: &'s Value, name: &str) -> &'s Value {
    let mut nodes = status["nodes"].as_array().expect("a list").iter();
    nodes
        .find(|node| node["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {status:#}"))
}

fn shards(status: &Value, name: &str) -> u64 {
    node(status, name)["shards"].as_u64().expect("a number")
}

fn is_quiet(status: &Value) -> bool {
    let counts = ["/shards/unowned", "/asked/moving", "/asked/nowhere"];
    counts
        .iter()
        .all(|at| status.pointer(at).expect("a value")["count"] == 0)
}

/// Whether each of `names` owns shards, and none moves.
fn shared_by(status: &Value, names: &[&str]) -> bool {
    is_quiet(status) && names.iter().all(|name| shards(status, name) > 0)
}

fn require_status_equals_table(status: &Value, table: &ClusterState) {
    let nodes = status["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), table.nodes.len(), "{status:#}");
    assert_eq!(status["gone"], json!([]), "no node has died");
    for record in &table.nodes {
        let node = node(status, &record.node.name);
        let owns = |id: NodeId| table.shards.iter().filter(|s| s.owner == Some(id)).count();
        assert_eq!(node["id"], record.node.id.to_string());
        assert_eq!(node["address"], json!(record.node.address));
        assert_eq!(node["roles"], json!(["gateway", "entities", "projections"]));
        assert_eq!(node["program"], env!("CARGO_PKG_VERSION"));
        assert_eq!(node["wireMin"], record.node.wire_min);
        assert_eq!(node["wireMax"], record.node.wire_max);
        assert_eq!(node["shards"], owns(record.node.id), "{status:#}");
        assert_eq!(node["draining"], record.draining);
        assert!(!record.fenced);
        let beat = node["beat"].as_u64();
        assert!(
            beat.is_some_and(|beat| beat <= record.heartbeat),
            "{status:#}"
        );
    }
}

async fn require_shards_equal_table(cluster: &AdminCluster, ids: &[String]) {
    let table = cluster.state().await;
    for (asked, shard) in [("node-1", 0), ("node-2", 3), ("node-3", 7)] {
        let row = &table.shards[shard];
        let owner = row.owner.expect("owned").to_string();
        let output = cluster.json(asked, &["shard", &shard.to_string()]);
        assert_eq!(output["owner"]["id"], owner, "{output:#}");
        assert_eq!(output["ownerLives"], true);
        assert_eq!(output["epoch"], row.epoch.0, "{output:#}");
        assert_eq!(
            output["belongs"]["id"], owner,
            "every shard is at its preferred node"
        );
        assert_eq!(output["seen"]["by"], asked);
        if output["owner"]["name"] == asked {
            assert_eq!(output["seen"]["place"], "here");
        } else {
            assert_eq!(output["seen"]["place"], "elsewhere");
            assert_eq!(output["seen"]["node"]["id"], owner);
        }
        let prefers = output["prefers"].as_array().expect("a list");
        assert_eq!(prefers.len(), 3, "{output:#}");
    }
    for id in &ids[..3] {
        let output = cluster.json("node-1", &["where", id]);
        let slot = u64::from_str_radix(&id[32..], 16).expect("hexadecimal");
        let found = json!({ "id": id, "slot": slot, "exists": true, "kind": "account", "journalFailure": null });
        assert_eq!(output["entity"], found);
        let shard = output["shard"].as_u64().expect("a number");
        let row = &table.shards[usize::try_from(shard).expect("small")];
        let owner = row.owner.expect("owned").to_string();
        assert_eq!(output["owner"]["id"], owner);
        let text = cluster.stdout("node-2", &["where", id]);
        assert!(
            text.contains(&format!("{id}: account, slot")) && text.contains(&owner),
            "{text}"
        );
    }
}

/// An unknown id: the exit code says so, and the output says where it would be.
fn require_unknown_id(cluster: &AdminCluster) {
    let id = "0192f0c1-0000-7000-8000-00000000000a";
    let exited = cluster.run("node-1", &["where", id]);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    assert!(exited.stderr.contains("nothing has the id"), "{exited:?}");
    let would = format!("{id}: nothing has this id; it would be in slot 10\nshard 2 is owned by");
    assert!(exited.stdout.starts_with(&would), "{exited:?}");
    let exited = cluster.run("node-2", &["where", id, "--json"]);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    let output: Value = serde_json::from_str(&exited.stdout).expect("JSON");
    let none =
        json!({ "id": id, "slot": 10, "exists": false, "kind": null, "journalFailure": null });
    assert_eq!((&output["entity"], &output["shard"]), (&none, &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_commands_show_and_move_shards() {
    let mut cluster = skip_unless!(AdminCluster::start(3));
    let all = ["node-1", "node-2", "node-3"];
    let status = cluster
        .wait_status("node-1", |status| shared_by(status, &all))
        .await;
    require_status_equals_table(&status, &cluster.state().await);
    assert_eq!(status["asked"]["name"], "node-1");
    assert_eq!(status["asked"]["running"], shards(&status, "node-1"));
    for (figure, most) in [("leaseMs", 4_000), ("lookedMsAgo", 30_000)] {
        let output = status["asked"][figure].as_u64();
        assert!(output.is_some_and(|output| output <= most), "{status:#}");
    }
    cluster
        .wait_status("node-1", |status| {
            let peers = ["node-2", "node-3"].map(|name| node(status, name));
            peers
                .iter()
                .all(|peer| peer["roundTripUs"].is_u64() && peer["silentMs"].is_u64())
        })
        .await;
    let text = cluster.run("node-3", &["status"]).stdout;
    for part in [
        "NODE",
        "ROUND TRIP",
        "node-1",
        "8 shards, all owned",
        "called node node-3",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    // By its id, through another node, with requests through a third.
    let requests = requests(cluster.api("node-1"));
    let id = node(&status, "node-2")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let drained = tokio::task::block_in_place(|| cluster.stdout("node-3", &["drain", &id]));
    assert!(
        drained.contains("node-2: ") && drained.contains("node-2 is empty"),
        "{drained}"
    );
    let ids = requests.await.expect("no request fails");
    let status = cluster.wait_status("node-1", is_quiet).await;
    assert_eq!(
        (
            shards(&status, "node-2"),
            &node(&status, "node-2")["draining"]
        ),
        (0, &json!(true))
    );
    require_status_equals_table(&status, &cluster.state().await);
    let again = cluster.json("node-2", &["drain", "node-2"]);
    assert_eq!(
        again["node"]["shards"], 0,
        "an empty node is drained at once"
    );

    // The last two nodes cannot both be drained.
    assert_eq!(cluster.run("node-1", &["drain", "node-3"]).code, Some(0));
    let refused = cluster.run("node-1", &["drain", "node-1"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("no other node can take the 8 shards"),
        "{refused:?}"
    );

    let undrained = cluster.stdout("node-2", &["undrain", "node-3"]);
    assert_eq!(undrained, "node-3 takes shards again\n");
    cluster.stdout("node-3", &["undrain", "node-2"]);
    let output = cluster.stdout("node-2", &["rebalance"]);
    assert_eq!(output, "3 of 3 nodes informed\n");
    for other in ["node-1", "node-3"] {
        let process = &cluster.cluster.node(other).process;
        let is_notified = async || {
            process
                .log()
                .contains("rebalancing at the request of another node")
        };
        let what = format!("{other} is notified");
        wait_until_async(&what, SETTLE_MAX, is_notified).await;
    }
    let status = cluster
        .wait_status("node-2", |status| shared_by(status, &all))
        .await;
    require_status_equals_table(&status, &cluster.state().await);
    cluster.wait_status("node-1", is_quiet).await;
    cluster.wait_status("node-3", is_quiet).await;
    require_shards_equal_table(&cluster, &ids).await;
    require_unknown_id(&cluster);
    for node in all {
        let (_, exited) = cluster.cluster.terminate(node);
        assert_eq!(exited.code, Some(0), "{exited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_command_errors_say_what_to_do() {
    let cluster = skip_unless!(AdminCluster::start(2));
    let both = ["node-1", "node-2"];
    cluster
        .wait_status("node-1", |status| shared_by(status, &both))
        .await;
    let id = "0192f0c1-0000-7000-8000-00000000000g";
    for (arguments, named) in [
        (
            &["drain", "node-9"][..],
            "no node node-9; known nodes are node-1, node-2",
        ),
        (
            &["undrain", "node-9"],
            "no node node-9; known nodes are node-1, node-2",
        ),
        // The beginning of all version 7 ids of these years.
        (&["drain", "01"], "01 may be node-1 or node-2"),
        (&["shard", "8"], "no shard 8; shards are 0 to 7"),
        (&["shard", "x"], "SHARD"),
        (&["where", id], "not an id"),
        (
            &["status", "--admin-token", "another long token"],
            "does not accept the token",
        ),
        (
            &["status", "--admin-url", "http://127.0.0.1:1"],
            "127.0.0.1:1 is unreachable",
        ),
        (
            &["status", "--admin-url", "https://127.0.0.1:1"],
            "--admin-url takes one such as",
        ),
    ] {
        let exited = cluster.run("node-1", arguments);
        assert_eq!(exited.code, Some(2), "{arguments:?}: {exited:?}");
        assert!(exited.stderr.contains(named), "{named}: {exited:?}");
        assert_eq!(exited.stderr.lines().count(), 1, "{exited:?}");
        assert_eq!(exited.stdout, "", "{exited:?}");
    }
    let tokenless = cluster
        .workspace
        .run(&mut cluster.workspace.command(&["cluster", "status"]));
    assert_eq!(tokenless.code, Some(2), "{tokenless:?}");
    assert!(
        tokenless.stderr.contains("FRITZY_ADMIN_TOKEN"),
        "{tokenless:?}"
    );

    let admin = cluster.admin("node-1");
    let bearer = format!("Bearer {TOKEN}");
    for (token, path, status) in [
        (
            "Bearer another long token",
            "/cluster",
            StatusCode::UNAUTHORIZED,
        ),
        ("", "/cluster", StatusCode::UNAUTHORIZED),
        ("", "/nothing", StatusCode::UNAUTHORIZED),
        (&bearer, "/nothing", StatusCode::NOT_FOUND),
        (&bearer, "/cluster/", StatusCode::OK),
    ] {
        let request = admin
            .request(Method::GET, path)
            .header(AUTHORIZATION, token);
        let response = admin.send(request, "").await;
        assert_eq!(response.status, status, "{response:?}");
        assert_eq!(response.headers["content-type"], "application/json");
        if status == StatusCode::UNAUTHORIZED {
            let message = response.json()["error"]["message"].clone();
            assert_eq!(
                message,
                "send the token of this node: Authorization: Bearer …"
            );
        }
    }
    let waiting = json!({ "node": "node-2", "timeoutS": 60 }).to_string();
    let request = admin
        .request(Method::POST, "/cluster/drain")
        .header(AUTHORIZATION, &bearer);
    let drained = admin.send(request, waiting).await.json();
    assert_eq!(
        (&drained["node"]["name"], &drained["shards"]),
        (&json!("node-2"), &json!(0))
    );
    cluster.stdout("node-1", &["undrain", "node-2"]);
    cluster
        .wait_status("node-1", |status| shared_by(status, &both))
        .await;

    // A paused node does not receive the command.
    cluster.cluster.node("node-2").process.pause();
    let late = cluster.run("node-1", &["drain", "node-2", "--timeout-s", "1"]);
    cluster.cluster.node("node-2").process.resume();
    assert_eq!(late.code, Some(1), "{late:?}");
    for part in [
        "node-2 still owns",
        "after 1 s",
        "fritzy cluster undrain node-2",
    ] {
        assert!(late.stderr.contains(part), "{part}: {late:?}");
    }
    cluster.stdout("node-1", &["drain", "node-2"]);

    let mut watch = cluster.command("node-1", &["status", "--watch", "--json"]);
    let mut watch = cluster.workspace.spawn(&mut watch);
    while watch.stdout().matches("\"nodes\"").count() < 2 {
        watch.wait_for_line(NODE_TIME_MAX);
    }
    watch.interrupt();
    let watched = watch.wait_exit(NODE_TIME_MAX);
    assert_eq!(watched.code, Some(0), "{watched:?}");
}
