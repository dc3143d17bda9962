//! A client's trace (`traceparent`) is in the logs of the node that received the request, and of
//! the nodes that own the requested entities.

use std::time::{Duration, Instant};

use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::Api;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::nodes::{Node, Nodes, shard_of};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// What is logged before the response is sent is there already; the rest follows shortly.
const LOGGED_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn client_trace_is_logged_by_the_owning_node() {
    let mut nodes = skip_unless!(Nodes::start(0).await);
    for name in ["n1", "n2"] {
        let levels = "info,fritzy_cluster=debug,fritzy_gateway=debug";
        let mut node = nodes.spawn_with(name, &["--log", levels]);
        node.api = Api::at(node.process.address());
        nodes.nodes.push(node);
    }
    nodes.wait_settled().await;
    let [asked, owner] = [&nodes.nodes[0], &nodes.nodes[1]];
    let shards = nodes.shards_of("n2").await;
    let account = loop {
        let create = "mutation { createAccount(account: { name: \"Ada\" }) { id } }";
        let id = asked.api.run(create).await.text_at("/createAccount/id");
        if shards.contains(&shard_of(&id)) {
            break id;
        }
    };
    assert_eq!(
        traced(asked).len() + traced(owner).len(),
        0,
        "traced too early"
    );

    let rename = "mutation($id: String!) { renameAccount(id: $id, name: \"Ada L.\") { version } }";
    let body = json!({ "query": rename, "variables": { "id": account } });
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let request = asked.api.post().header("traceparent", traceparent);
    let renamed = asked.api.send(request, body.to_string()).await;
    assert_eq!(renamed.data("/renameAccount/version"), 2);

    let at_owner = logged(owner, "answered another node").await;
    let shard = shard_of(&account).to_string();
    assert_eq!(at_owner["shard"], json!(shard), "{at_owner}");
    assert_eq!(at_owner["span"]["parent"], json!(SPAN), "{at_owner}");
    let at_asked = logged(asked, "answered").await;
    assert_eq!(at_asked["span"]["name"], json!("request"), "{at_asked}");
    nodes.kill_all().await;
}

/// The lines of a node's log with this trace.
fn traced(node: &Node) -> Vec<Value> {
    let log = node.process.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["span"]["trace_id"] == TRACE)
        .collect()
}

/// Waits for the line with this trace and this message.
async fn logged(node: &Node, message: &str) -> Value {
    let began = Instant::now();
    loop {
        let lines = traced(node);
        if let Some(line) = lines.iter().find(|line| line["message"] == message) {
            return line.clone();
        }
        let waited = began.elapsed();
        assert!(waited < LOGGED_MAX, "{}: {}", node.name, node.process.log());
        sleep(POLL).await;
    }
}
