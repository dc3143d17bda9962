//! A node alone whose database goes backwards: it starts over in its process, at its address, with
//! what the database has.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fritzy_testbed::{
    ChaosProxy, NODE_TIME_MAX, NodeProcess, PostgresServer, Workspace, blocking, skip, skip_unless,
    wait_until_async,
};
use fritzy_testbed_shop::Api;
use hyper::Method;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::node_alone::stop;
use crate::losses::{LOOKS, Place, dump, named_lost, put_back, tailed};
use crate::one_node::database::Database;

/// Until a node notices, stops what runs, and has opened the database again.
const START_OVER_MAX: Duration = Duration::from_secs(60);
/// The metric of a node that has started over once.
const GENERATION: &str = "fritzy_database_generation 2\n";

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

/// Waits until the node is on the next generation and no longer knows `lost`, then checks that it
/// has what is left and works.
async fn require_started_over(api: &Api, kept: &str, lost: &str, lost_events: u64) {
    wait_until_async("the node has started over", START_OVER_MAX, async || {
        // A node that has not loaded it does not know it either.
        metrics(api).await.contains(GENERATION) && knows(api, lost).await == Some(false)
    })
    .await;
    assert_eq!(knows(api, kept).await, Some(true));
    let metrics = metrics(api).await;
    let line = format!("fritzy_database_lost_events {lost_events}\n");
    assert!(metrics.contains(&line), "{line} in {metrics}");
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

/// How an older state gets back under a running node.
#[derive(Clone, Copy)]
enum Return {
    /// The file stays, and gets the content of an older one.
    Content,
    /// An older file takes the place of the file.
    File,
    /// A dump is restored on the server.
    Dump,
}

/// A node alone that is restarted, and has written nothing since.
struct Shop {
    workspace: Workspace,
    database: Database,
    back: Return,
}

impl Shop {
    fn on_sqlite(back: Return) -> Self {
        let workspace = Workspace::new();
        Self {
            database: Database::file(&workspace),
            workspace,
            back,
        }
    }

    fn node(&self) -> (NodeProcess, Api) {
        let arguments = self.database.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut node = self.workspace.node_with(&arguments);
        let api = Api::at(node.address());
        (node, api)
    }

    fn tailed(&self) -> BTreeSet<Place> {
        // Without the number of shards.
        let arguments = self.database.arguments().split_off(2);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        tailed(&self.workspace, &arguments)
    }

    fn file(&self) -> PathBuf {
        self.workspace.current().join("data").join("fritzy.db")
    }

    fn older(&self) -> PathBuf {
        self.workspace.outside("older")
    }

    /// Keeps the present state; no node runs.
    fn keep(&self) {
        match &self.database {
            // A stopped node leaves one complete file.
            Database::File(_) => drop(fs::copy(self.file(), self.older()).expect("copied")),
            Database::Postgres(server) => dump(server, &self.older()),
        }
    }

    fn put_back(&self) {
        match (&self.database, self.back) {
            (Database::Postgres(server), _) => put_back(server, &self.older()),
            (_, Return::File) => fs::rename(self.older(), self.file()).expect("replaced"),
            (_, _) => {
                // What `.restore` of SQLite's shell does.
                let script = "import sqlite3, sys; older, now = map(sqlite3.connect, sys.argv[1:]); older.backup(now)";
                let mut python = Command::new("python3");
                python
                    .args(["-c", script])
                    .args([self.older(), self.file()]);
                let ended = python.output().expect("runs");
                assert!(ended.status.success(), "{ended:?}");
            }
        }
    }
}

/// Its claims show that the database went back, and the looks have read what it lost.
async fn names_the_loss_of_an_idle_node(shop: Shop) {
    let (node, api) = shop.node();
    let kept = api.new_account("kept").await;
    for _ in 0..5 {
        api.new_account("kept, too").await;
    }
    block_in_place(|| stop(node));
    let places = shop.tailed();
    shop.keep();
    let (node, api) = shop.node();
    let mut lost = String::new();
    for _ in 0..5 {
        lost = api.new_account("lost").await;
    }
    block_in_place(|| stop(node));
    let gone: BTreeSet<Place> = shop.tailed().difference(&places).copied().collect();
    assert_eq!(gone.len(), 5);

    let (node, api) = shop.node();
    sleep(LOOKS).await;
    block_in_place(|| shop.put_back());
    require_started_over(&api, &kept, &lost, 5).await;
    assert_eq!(named_lost(&node.log()), (gone, 5), "{}", node.log_tail());
    for _ in 0..5 {
        api.new_account("after, too").await;
    }
    let left = shop.tailed();
    assert!(places.is_subset(&left), "{places:?} in {left:?}");
    assert_eq!(left.len(), places.len() + 6);
    block_in_place(|| stop(node));
    shop.database.verify(&shop.workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_idle_node_names_what_restored_content_lost() {
    if Command::new("python3").arg("--version").output().is_err() {
        skip!("python3 is not installed (Debian: python3)");
    }
    names_the_loss_of_an_idle_node(Shop::on_sqlite(Return::Content)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_idle_node_names_what_a_replaced_file_lost() {
    names_the_loss_of_an_idle_node(Shop::on_sqlite(Return::File)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_idle_node_names_what_a_restored_dump_lost() {
    let shop = Shop {
        workspace: Workspace::new(),
        database: skip_unless!(Database::postgres()),
        back: Return::Dump,
    };
    names_the_loss_of_an_idle_node(shop).await;
}
