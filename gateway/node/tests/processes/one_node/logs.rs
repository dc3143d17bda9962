//! Structured logs: one JSON object per line on stderr, with the id of each request.

use fritzy_testbed::{NODE_TIME_MAX, Workspace, wait_until};
use fritzy_testbed_shop::Api;
use serde_json::{Value, json};

/// Every line of a log.
fn entries(log: &str) -> Vec<Value> {
    let entry = |line: &str| {
        let entry: Result<Value, _> = serde_json::from_str(line);
        entry.unwrap_or_else(|failure| panic!("{failure}: {line}"))
    };
    let entries: Vec<Value> = log.lines().map(entry).collect();
    for entry in &entries {
        assert!(entry.is_object(), "{entry}");
        for field in ["timestamp", "level", "target"] {
            assert!(entry[field].is_string(), "{field} in {entry}");
        }
    }
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn log_without_a_terminal_is_json() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let response = Api::at(node.address()).run("{ accounts { id } }").await;
    response.data("/accounts");
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let entries = entries(&exited.stderr);
    let messages: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["message"].as_str())
        .collect();
    for part in ["serving", "SIGTERM", "stopped"] {
        let said = messages.iter().any(|message| message.contains(part));
        assert!(said, "{part} in {messages:?}");
    }
    assert!(
        entries.iter().all(|entry| entry["level"] == "INFO"),
        "{entries:?}"
    );
    assert!(
        !exited.stdout.contains("timestamp"),
        "stdout is for people: {exited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn request_is_logged_with_its_response_id() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["--listen", "127.0.0.1:0"]);
    let mut node = workspace.spawn(command.env("FRITZY_LOG", "debug"));
    let api = Api::at(node.address());
    let query = json!({ "query": "{ accounts { id } }" }).to_string();
    let made = api.send(api.post(), query.clone()).await;
    let given = api.post().header("x-request-id", "given-by-the-client");
    let given = api.send(given, query).await;
    let refused = api.send(api.post(), "nope").await;
    let has_responded = || node.log().matches("\"responded\"").count() == 3;
    wait_until("the log of three responses", NODE_TIME_MAX, has_responded);
    for (response, status) in [(made, 200), (given, 200), (refused, 400)] {
        let id = response.headers["x-request-id"].to_str().expect("visible");
        let entries = entries(&node.log());
        let mut of_it = entries
            .iter()
            .filter(|entry| entry["span"]["id"] == id && entry["message"] == "responded");
        let entry = of_it.next();
        let entry = entry.unwrap_or_else(|| panic!("no line for {id}: {entries:?}"));
        assert_eq!(entry["status"], status, "{entry}");
        assert_eq!(entry["method"], "POST", "{entry}");
        assert!(entry["micros"].is_u64(), "{entry}");
        assert!(of_it.next().is_none(), "one line for each request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_log_in_a_file_has_no_colors() {
    let workspace = Workspace::new();
    let node = workspace.node_with(&["--log-format", "text"]);
    let log = node.log();
    assert!(
        log.contains("serving") && !log.contains('\u{1b}'),
        "{log:?}"
    );
    assert!(!log.starts_with('{'), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_contains_no_client_data() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--log", "debug"]);
    let api = Api::at(node.address());
    let secret = "Zebrafinch";
    let document = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
    let created = api.run_with(document, json!({ "name": secret })).await;
    created.data("");
    let refused = api
        .run_with(document, json!({ "name": format!("{secret}\u{0}") }))
        .await;
    assert!(refused.json()["errors"].is_array());
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    entries(&exited.stderr);
    assert!(!exited.stderr.contains(secret), "{}", exited.stderr);
}
