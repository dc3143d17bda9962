//! `fritzy backup` and `fritzy restore` on PostgreSQL.

use std::fs;
use std::time::Duration;

use fritzy_testbed::{
    ExitedProcess, NodeProcess, ServiceError, Workspace, shared_postgres, skip_unless,
    wait_until_async,
};
use fritzy_testbed_shop::Api;
use serde_json::{Value, json};

use super::node_alone::stop;

/// Until a node notices, stops what runs, and has opened the database again.
const START_OVER_MAX: Duration = Duration::from_secs(60);

/// A workspace whose nodes and commands use one database.
struct Shop {
    workspace: Workspace,
    url: String,
}

impl Shop {
    /// On a new database of the shared server.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    fn new() -> Result<Self, ServiceError> {
        Ok(Self {
            workspace: Workspace::new(),
            url: shared_postgres()?.fresh_database()?,
        })
    }

    fn node(&self) -> NodeProcess {
        self.workspace
            .node_with(&["--shards", "8", "--database-url", &self.url])
    }

    fn run(&self, arguments: &[&str]) -> ExitedProcess {
        let database = ["--database-url", &self.url];
        let arguments = [arguments, &database].concat();
        self.workspace.run(&mut self.workspace.command(&arguments))
    }

    /// Runs a command that must succeed, and returns its JSON object.
    fn run_json(&self, arguments: &[&str]) -> Value {
        let exited = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(exited.code, Some(0), "{exited:?}");
        serde_json::from_str(&exited.stdout).expect("JSON")
    }

    /// Runs a command that must fail for a reason.
    fn refuse(&self, arguments: &[&str], reason: &str) {
        let exited = self.run(arguments);
        assert_eq!(exited.code, Some(1), "{exited:?}");
        assert!(exited.stderr.contains(reason), "{exited:?}");
    }
}

/// `None` while the node does not respond.
async fn knows(api: &Api, id: &str) -> Option<bool> {
    let query = "query($id: String!) { accounts(id: $id) { id } }";
    let body = json!({ "query": query, "variables": { "id": id } });
    let response = api.try_send(api.post(), body.to_string()).await.ok()?;
    match response.json()["data"]["accounts"].as_array() {
        Some(accounts) => Some(accounts.len() == 1),
        None => (response.code() == "ACCOUNT_NOT_FOUND").then_some(false),
    }
}

fn lost(report: &Value) -> u64 {
    let ranges = report["lost"].as_array().expect("an array");
    let events = ranges.iter().map(|range| {
        let position = |name: &str| range[name].as_u64().expect("a position");
        position("lost") - position("kept")
    });
    events.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_postgres_restore_names_the_loss_in_a_generation() {
    let shop = skip_unless!(Shop::new());
    let mut node = shop.node();
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    let made = shop.run_json(&["backup", "copy.dump"]);
    assert_eq!((&made["events"], &made["shards"]), (&json!(1), &json!(8)));
    let mut gone = Vec::new();
    for _ in 0..5 {
        gone.push(api.new_account("lost").await);
    }
    let restore = ["restore", "copy.dump", "--replace"];
    shop.refuse(&restore, "in use by another node");
    shop.refuse(&["restore", "--generation-only"], "in use by another node");
    stop(node);
    shop.refuse(&["restore", "copy.dump"], "--replace");
    let report = shop.run_json(&restore);
    assert_eq!(report["restored"]["generation"], json!(2), "{report}");
    assert_eq!(report["restored"]["events"], json!(1));
    assert_eq!(
        (&report["replaced"]["events"], lost(&report)),
        (&json!(6), 5)
    );

    let mut node = shop.node();
    let api = Api::at(node.address());
    assert_eq!(knows(&api, &kept).await, Some(true));
    for id in &gone {
        assert_eq!(knows(&api, id).await, Some(false), "{id}");
    }
    api.new_account("after").await;
    stop(node);
    let verified = shop.run(&["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let raised = shop.run_json(&["restore", "--generation-only"]);
    assert_eq!(raised["restored"]["generation"], json!(3));
}

#[test]
fn dump_restores_into_an_empty_database_only_if_sound() {
    let shop = skip_unless!(Shop::new());
    stop(shop.node());
    shop.run_json(&["backup", "copy.dump"]);
    let copy = shop.workspace.current().join("copy.dump");
    let sound = fs::read(&copy).expect("reads");
    let other = Shop {
        workspace: shop.workspace.clone(),
        ..Shop::new().expect("a database")
    };
    for content in [&sound[..sound.len() / 2], b"no dump", b""] {
        fs::write(shop.workspace.current().join("bad.dump"), content).expect("written");
        other.refuse(&["restore", "bad.dump"], "pg_restore failed");
    }
    let report = other.run_json(&["restore", "copy.dump"]);
    assert_eq!(report["replaced"], Value::Null);
    assert_eq!(report["restored"]["generation"], json!(2));
    stop(other.node());
    let verified = other.run(&["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_under_a_told_restore_starts_over() {
    let shop = skip_unless!(Shop::new());
    let mut node = shop.node();
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    shop.run_json(&["backup", "copy.dump"]);
    let gone = api.new_account("lost").await;
    let report = shop.run_json(&["restore", "copy.dump", "--replace", "--while-nodes-run"]);
    assert_eq!(lost(&report), 1, "{report}");
    wait_until_async("the node has started over", START_OVER_MAX, async || {
        node.log().contains("starting over")
            && knows(&api, &gone).await == Some(false)
            && knows(&api, &kept).await == Some(true)
    })
    .await;
    api.new_account("after").await;
    stop(node);
    let verified = shop.run(&["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
