//! A kill proves no sync, because the kernel keeps what a killed process wrote. So the system calls
//! of a node under load are traced: no response may be sent before its batch is synced (I1).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use fritzy_testbed::{NODE_TIME_MAX, Workspace, skip};
use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::json;

use crate::one_node::trace::faults;

/// Concurrent, so that a batch is synced while other requests are answered.
const CLIENTS: usize = 8;
/// Orders of each client: some hundred batches are some ten MB of trace.
const ORDERS: usize = 15;
/// Longer than a page of the database and the head of a response: each is shown completely.
const BYTES_SHOWN: &str = "8192";
const CALLS: &str = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg";

/// Why tracing is not possible here.
pub(crate) fn missing() -> Option<&'static str> {
    let tried = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    match tried {
        Ok(status) if status.success() => None,
        Ok(_) => Some("strace may not trace here"),
        Err(_) => Some("strace is not installed (Debian: strace)"),
    }
}

/// The complete trace: its last line reports the exit of the node.
fn whole(file: &Path) -> String {
    let deadline = Instant::now() + NODE_TIME_MAX;
    loop {
        let trace = std::fs::read(file).expect("a trace");
        let trace = String::from_utf8_lossy(&trace).into_owned();
        let last = trace.lines().next_back().unwrap_or_default();
        if last.ends_with("+++ exited with 0 +++") {
            return trace;
        }
        assert!(Instant::now() < deadline, "the trace has no end: {last}");
        std::thread::yield_now();
    }
}

async fn place_orders(api: Api, client: usize) -> Vec<String> {
    let text = format!("client {client}");
    let document = "mutation($text: String!) {
        createAccount(account: { name: $text }) { id }
        createProduct(product: { name: $text, description: \"\", price: 1 }) { id }
    }";
    let made = api.run_with(document, json!({ "text": text })).await;
    let variables = json!({
        "account": made.text_at("/createAccount/id"),
        "product": made.text_at("/createProduct/id"),
    });
    let document = "mutation($account: String!, $product: String!) {
        createOrder(order: {
            accountId: $account, products: [{ productId: $product, quantity: 1 }]
        }) { id }
    }";
    let mut acknowledged = Vec::new();
    for _ in 0..ORDERS {
        let placed = api.run_with(document, variables.clone()).await;
        acknowledged.push(placed.text_at("/createOrder/id"));
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_response_is_sent_before_its_batch_is_synced() {
    if let Some(reason) = missing() {
        skip!(reason);
    }
    let workspace = Workspace::new();
    let file = workspace.outside("trace");
    let node = workspace.command(&[]);
    let mut command = Command::new("strace");
    // The tracer is a child of the node and exits with it.
    command
        .args(["-D", "-f", "-ttt", "-e", "signal=none", "-s", BYTES_SHOWN])
        .args(["-e", CALLS, "-o"])
        .arg(&file)
        .arg(node.get_program())
        .args(["--listen", "127.0.0.1:0", "--shards", "16"])
        .current_dir(workspace.current())
        .env_clear();
    let mut node = workspace.spawn(&mut command);
    let api = Api::at(node.address());
    let clients = (0..CLIENTS).map(|client| tokio::spawn(place_orders(api.clone(), client)));
    let mut acknowledged = Vec::new();
    for client in join_all(clients).await {
        acknowledged.extend(client.expect("every order is placed"));
    }
    assert_eq!(acknowledged.len(), CLIENTS * ORDERS);
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let trace = whole(&file);
    let faults = faults(&trace, &acknowledged);
    assert!(
        faults.is_empty(),
        "I1: {} of {}: {faults:?}",
        faults.len(),
        acknowledged.len()
    );
}
