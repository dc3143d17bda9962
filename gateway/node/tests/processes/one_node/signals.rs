//! The ends of a node: in order by SIGTERM and SIGINT, and at any time by SIGKILL (I1).

use std::time::{Duration, Instant};

use fritzy_testbed::{NODE_TIME_MAX, NodeProcess, Workspace};
use fritzy_testbed_shop::{Api, Load, SentRequests, all_accounts};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Enough that requests are in flight.
const ACKNOWLEDGED: usize = 200;

type SendSignal = fn(&NodeProcess);

/// Signals that stop a node in order.
const SIGNALS: [(&str, SendSignal); 2] = [
    ("SIGTERM", NodeProcess::terminate),
    ("SIGINT", NodeProcess::interrupt),
];

#[tokio::test(flavor = "multi_thread")]
async fn idle_node_exits_in_order() {
    for (name, signal) in SIGNALS {
        let workspace = Workspace::new();
        let mut node = workspace.node();
        let listed = all_accounts(&Api::at(node.address())).await;
        assert!(listed.is_empty());
        signal(&node);
        let exited = node.wait_exit(NODE_TIME_MAX);
        assert_eq!(exited.code, Some(0), "{name}: {exited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_stopped_under_load_keeps_acknowledged_writes() {
    let workspace = Workspace::new();
    let mut sent = SentRequests::default();
    for (name, signal) in SIGNALS {
        let mut node = workspace.node();
        let mut load = Load::start(&Api::at(node.address()), name);
        load.wait_acknowledged(ACKNOWLEDGED).await;
        signal(&node);
        let exited = node.wait_exit(NODE_TIME_MAX);
        assert_eq!(exited.code, Some(0), "{name}: {exited:?}");
        load.collect(&mut sent).await;
        let mut node = workspace.node();
        sent.require_kept(&Api::at(node.address())).await;
        node.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_keeps_acknowledged_writes_once() {
    let workspace = Workspace::new();
    let mut sent = SentRequests::default();
    for round in ["first", "second", "third"] {
        let mut node = workspace.node();
        let mut load = Load::start(&Api::at(node.address()), round);
        load.wait_acknowledged(ACKNOWLEDGED).await;
        node.kill();
        load.collect(&mut sent).await;
        let mut node = workspace.node();
        sent.require_kept(&Api::at(node.address())).await;
        node.kill();
    }
    let mut node = workspace.node();
    let api = Api::at(node.address());
    let before = all_accounts(&api).await;
    let document = r#"mutation { createAccount(account: { name: "last" }) { id name } }"#;
    let created = api.run(document).await.data("/createAccount");
    let mut after = all_accounts(&api).await;
    assert_eq!(
        after.pop(),
        Some(created),
        "the journal continues at its end"
    );
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_killed_node_remembers_keys() {
    let workspace = Workspace::new();
    let document = r#"mutation {
        createAccount(account: { name: "Ada" }, idempotencyKey: "k") { id createdAt }
    }"#;
    let mut node = workspace.node();
    let first = Api::at(node.address()).run(document).await;
    assert!(!first.text_at("/createAccount/id").is_empty());
    node.kill();
    let mut node = workspace.node();
    let api = Api::at(node.address());
    assert_eq!(api.run(document).await.text, first.text);
    assert_eq!(all_accounts(&api).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_request_is_cut_off_after_the_grace_time() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shutdown-grace-ms", "300"]);
    let created = Api::at(node.address())
        .run(r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#)
        .await;
    let mut endless = TcpStream::connect(node.address()).await.expect("a node");
    let head = b"POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
        content-length: 1000\r\nexpect: 100-continue\r\n\r\n";
    endless.write_all(head).await.expect("the node reads");
    let mut asked = [0; 12];
    endless.read_exact(&mut asked).await.expect("a response");
    assert_eq!(&asked, b"HTTP/1.1 100", "the request is in flight");
    node.terminate();
    let exited = node.wait_exit(Duration::from_secs(10));
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let mut node = workspace.node();
    let listed = all_accounts(&Api::at(node.address())).await;
    let account = json!({ "id": created.text_at("/createAccount/id"), "name": "Ada" });
    assert_eq!(listed, [account]);
}

/// The port file tells that the node listens, so a program that waits for it may stop the node at
/// once. The full stdout pipe keeps the node from printing anything before.
#[test]
fn node_stops_in_order_once_its_port_file_exists() {
    /// The capacity of a pipe.
    const PIPE_BYTES: usize = 65_536;
    let workspace = Workspace::new();
    let file = workspace.outside("port");
    let path = file.to_str().expect("UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--port-file", path];
    let mut command = workspace.command(&arguments);
    let node = workspace.spawn_with_unread_stdout(&mut command, &[b'\n'; PIPE_BYTES]);
    let deadline = Instant::now() + NODE_TIME_MAX;
    while !std::fs::read_to_string(&file).is_ok_and(|port| !port.is_empty()) {
        assert!(Instant::now() < deadline, "no port: {}", node.log());
        std::thread::yield_now();
    }
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "it ends in order: {}", exited.stderr);
}
