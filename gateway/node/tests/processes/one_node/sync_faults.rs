//! A real node whose syncs are slow or fail: a tracer injects that into its system calls.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use fritzy_testbed::{NODE_TIME_MAX, NodeProcess, Workspace, skip};
use fritzy_testbed_shop::{Api, Response, all_accounts};
use serde_json::{Value, json};

use crate::one_node::traced::missing;

/// A running tracer. The node continues unaffected when it is dropped.
struct Tamper {
    tracer: Child,
    /// Held open: the tracer writes a line for each new thread, and a closed pipe would end it.
    _said: BufReader<ChildStderr>,
}

impl Tamper {
    /// Injects `fault` into the next sync of each thread; only the committer syncs.
    fn with_next_sync(node: &NodeProcess, fault: &str) -> Self {
        let mut tracer = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
            .arg(format!("inject=fsync,fdatasync:{fault}:when=1"))
            .args(["-p", &node.pid().to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace starts");
        let said = tracer.stderr.take().expect("piped");
        let (mut attached, mut said) = (String::new(), BufReader::new(said));
        said.read_line(&mut attached)
            .expect("a line about its attachment");
        assert!(attached.contains("attached"), "{attached}");
        Self {
            tracer,
            _said: said,
        }
    }
}

impl Drop for Tamper {
    fn drop(&mut self) {
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

async fn create(api: &Api, name: &str, key: Option<&str>) -> Response {
    let document = "mutation($name: String!, $key: String) {
        createAccount(account: { name: $name }, idempotencyKey: $key) { id name }
    }";
    api.run_with(document, json!({ "name": name, "key": key }))
        .await
}

fn code(response: &Response) -> Value {
    response.json()["errors"][0]["extensions"]["code"].clone()
}

/// Repeats a creation with its key until it succeeds.
async fn create_at_last(api: &Api, name: &str, key: &str) -> Value {
    let deadline = Instant::now() + NODE_TIME_MAX;
    loop {
        let response = create(api, name, Some(key)).await;
        if response.json().get("errors").is_none() {
            return response.data("/createAccount");
        }
        assert!(Instant::now() < deadline, "{response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_of_3_s_delays_no_reader_and_no_deadline() {
    /// Reads from memory take less than a millisecond; the rest is for busy machines.
    const READ_TIME_MAX: Duration = Duration::from_millis(500);
    /// The timeout of a request is 1 s.
    const ANSWER_TIME_MAX: Duration = Duration::from_millis(2_000);
    if let Some(reason) = missing() {
        skip!(reason);
    }
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "16", "--request-timeout-ms", "1000"]);
    let api = Api::at(node.address());
    let reader = create(&api, "Reader", None).await.data("/createAccount");
    let read = "query($id: String) { accounts(id: $id) { id name } }";
    let one = json!({ "id": reader["id"] });
    api.run_with(read, one.clone()).await.data("/accounts");

    let tamper = Tamper::with_next_sync(&node, "delay_enter=3000000");
    let began = Instant::now();
    let slow = {
        let api = api.clone();
        tokio::spawn(async move { create(&api, "Slow", Some("k")).await })
    };
    let late = {
        let api = api.clone();
        tokio::spawn(async move {
            // In the batch of the slow request, or in the next one: both have the same timeout.
            let late = create(&api, "Late", None).await;
            (late, began.elapsed())
        })
    };
    let mut reads = 0;
    while !(slow.is_finished() && late.is_finished()) {
        let began = Instant::now();
        let response = api.run_with(read, one.clone()).await;
        assert_eq!(response.data("/accounts"), json!([reader]));
        let took = began.elapsed();
        assert!(took < READ_TIME_MAX, "a reader waited {took:?}");
        reads += 1;
    }
    let (slow, (late, took)) = (slow.await.expect("ran"), late.await.expect("ran"));
    assert!(reads > 10, "{reads} reads during the sync");
    assert_eq!(code(&slow), "DEADLINE_EXCEEDED", "{slow:?}");
    assert_eq!(code(&late), "DEADLINE_EXCEEDED", "{late:?}");
    assert!(took < ANSWER_TIME_MAX, "answered after {took:?}");

    let slow = create_at_last(&api, "Slow", "k").await;
    drop(tamper);
    let listed = all_accounts(&api).await;
    let times = |name: &str| listed.iter().filter(|one| one["name"] == name).count();
    assert!(listed.contains(&slow), "{listed:?}");
    assert_eq!(times("Slow"), 1, "I8: {listed:?}");
    assert!(times("Late") <= 1, "{listed:?}");
    node.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_failed_sync_stops_writes_until_a_restart() {
    if let Some(reason) = missing() {
        skip!(reason);
    }
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "16"]);
    let api = Api::at(node.address());
    let kept = create(&api, "Kept", None).await.data("/createAccount");

    let tamper = Tamper::with_next_sync(&node, "error=EIO");
    let unknown = create(&api, "Unknown", Some("k")).await;
    drop(tamper);
    assert_eq!(code(&unknown), "DEADLINE_EXCEEDED", "{unknown:?}");
    // The kernel reports a failed sync once: the next one would succeed, and prove nothing.
    let refused = create(&api, "Refused", None).await;
    assert_eq!(code(&refused), "UNAVAILABLE", "{refused:?}");
    assert!(all_accounts(&api).await.contains(&kept), "reads work");
    node.kill();

    let mut node = workspace.node_with(&["--shards", "16"]);
    let api = Api::at(node.address());
    let found = create_at_last(&api, "Unknown", "k").await;
    assert_eq!(all_accounts(&api).await, [kept, found], "each once: I1, I8");
    node.kill();
}
