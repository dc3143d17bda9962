//! A node alone whose database goes backwards: it starts over in its process, at its address, with
//! what the database has.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fritzy_testbed::{
    ChaosProxy, NODE_TIME_MAX, PostgresServer, Workspace, blocking, skip_unless, wait_until_async,
};
use fritzy_testbed_shop::Api;
use hyper::Method;
use serde_json::json;

/// Until a node notices, stops what runs, and has opened the database again.
const START_OVER_MAX: Duration = Duration::from_secs(60);

async fn knows(api: &Api, id: &str) -> Option<bool> {
    let query = "query($id: String!) { accounts(id: $id) { id } }";
    let body = json!({ "query": query, "variables": { "id": id } });
    let response = api.try_send(api.post(), body.to_string()).await.ok()?;
    match response.json()["data"]["accounts"].as_array() {
        Some(accounts) => Some(accounts.len() == 1),
        None => (response.code() == "ACCOUNT_NOT_FOUND").then_some(false),
    }
}

async fn metrics(api: &Api) -> String {
    let request = api.request(Method::GET, "/metrics");
    match api.try_send(request, "").await {
        Ok(response) => response.text,
        Err(_) => String::new(),
    }
}

/// Waits until the node no longer knows `lost`, then checks that it has what is left and works.
async fn require_started_over(api: &Api, kept: &str, lost: &str, lost_events: u64) {
    wait_until_async("the node has started over", START_OVER_MAX, async || {
        knows(api, lost).await == Some(false)
    })
    .await;
    assert_eq!(knows(api, kept).await, Some(true));
    let metrics = metrics(api).await;
    for line in [
        "fritzy_database_generation 2".to_owned(),
        format!("fritzy_database_lost_events {lost_events}"),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    let after = api.new_account("after").await;
    assert_eq!(knows(api, &after).await, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_replaced_sqlite_file_is_noticed_and_served() {
    let workspace = Workspace::new();
    let data = workspace.current().join("data");
    let mut node = workspace.node();
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    let database = data.join("fritzy.db");
    let backup = data.join("backup.db");
    // A stopped node leaves one complete file.
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    fs::copy(&database, &backup).expect("copied");
    let mut node = workspace.node();
    let api = Api::at(node.address());
    let lost = api.new_account("lost").await;
    // The log of the old file stays beside the new one.
    fs::rename(&backup, &database).expect("replaced");
    require_started_over(&api, &kept, &lost, 1).await;
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let verified = workspace.run(&mut workspace.command(&["journal", "verify"]));
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_alone_starts_over_on_a_lossy_promotion() {
    let server = skip_unless!(PostgresServer::start(
        fritzy_testbed::PostgresConfig::default()
    ));
    let address = |server: &PostgresServer| SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let proxy = ChaosProxy::start(address(&server)).expect("a port");
    let url = server.url("postgres").replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", proxy.address().port()),
    );
    let standby = blocking(|| server.standby(fritzy_testbed::PostgresConfig::default()));
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--database-url", &url]);
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    blocking(|| standby.stop_following(&server));
    let lost = api.new_account("lost").await;
    blocking(|| server.kill());
    proxy.set_upstream(address(&standby));
    blocking(|| standby.promote());
    require_started_over(&api, &kept, &lost, 1).await;
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
}
