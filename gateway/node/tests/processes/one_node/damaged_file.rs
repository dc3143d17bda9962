//! A SQLite file that is overwritten under a running node, or replaced beside the log of a killed
//! one.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use fritzy_testbed::{NODE_TIME_MAX, NodeProcess, Workspace, wait_until_async};
use fritzy_testbed_shop::Api;
use hyper::Method;
use serde_json::json;

use super::node_alone::{database, start, stop};

/// Until the look each second finds the damage.
const NOTICED_MAX: Duration = Duration::from_secs(20);

/// Overwrites a file in its place.
fn overwrite(file: &Path, content: &[u8]) {
    let mut opened = OpenOptions::new().write(true).open(file).expect("opens");
    opened.write_all(content).expect("written");
    opened.sync_all().expect("synced");
}

async fn get(api: &Api, path: &str) -> (u16, String) {
    let response = api.send(api.request(Method::GET, path), "").await;
    (response.status.as_u16(), response.text)
}

async fn create(api: &Api) -> String {
    let document = "mutation { createAccount(account: { name: \"late\" }) { id } }";
    let response = api.run_with(document, json!({})).await;
    response.code().to_owned()
}

async fn knows(api: &Api, id: &str) -> bool {
    let query = "query($id: String!) { accounts(id: $id) { id } }";
    let response = api.run_with(query, json!({ "id": id })).await;
    response.json()["data"]["accounts"].is_array()
}

async fn generation(api: &Api) -> String {
    let (_, metrics) = get(api, "/metrics").await;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("fritzy_database_generation "));
    line.expect("the metric").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_on_an_overwritten_file_stops_writing() {
    let workspace = Workspace::new();
    let (node, api) = start(&workspace);
    for _ in 0..50 {
        api.new_account("before").await;
    }
    // So that the file has them, not the log.
    stop(node);
    let (node, api) = start(&workspace);
    let resident = api.new_account("resident").await;
    // Its first read brings it into memory.
    assert!(knows(&api, &resident).await);
    assert_eq!(get(&api, "/healthz/ready").await.0, 200);
    // Two looks: the connection that looks has its pages in memory by then.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let file = database(&workspace);
    let len = fs::metadata(&file).expect("a file").len();
    overwrite(&file, &vec![0xA5; usize::try_from(len).expect("small")]);
    wait_until_async("the node is unready", NOTICED_MAX, async || {
        get(&api, "/healthz/ready").await.0 == 503
    })
    .await;
    assert_eq!(get(&api, "/healthz/live").await.0, 200);
    for _ in 0..3 {
        assert_eq!(create(&api).await, "UNAVAILABLE");
    }
    assert!(knows(&api, &resident).await, "memory is sound");
    // Several looks and requests later.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = node.log();
    let said = log
        .matches("the database is damaged: nothing is written")
        .count();
    assert_eq!(said, 1, "{log}");
    assert!(
        log.contains("fritzy.db") && log.contains("fritzy restore"),
        "{log}"
    );
    node.terminate();
    node.wait_exit(NODE_TIME_MAX);
}

/// The log of the killed node would be applied to the older file.
#[tokio::test(flavor = "multi_thread")]
async fn i1_older_file_beside_the_log_is_refused() {
    let workspace = Workspace::new();
    let (node, api) = start(&workspace);
    api.new_account("first").await;
    stop(node);
    let file = database(&workspace);
    let old = fs::read(&file).expect("reads");
    let (node, api) = start(&workspace);
    for _ in 0..300 {
        api.new_account("second").await;
    }
    stop(node);
    let (node, api) = start(&workspace);
    for _ in 0..5 {
        api.new_account("third").await;
    }
    node.kill();
    let log = file.with_extension("db-wal");
    let before = fs::read(&log).expect("it stays after a kill");
    fs::write(&file, &old).expect("written");
    let exited =
        workspace.run(&mut workspace.command(&["--listen", "127.0.0.1:0", "--shards", "8"]));
    assert_eq!(exited.code, Some(1), "{exited:?}");
    assert!(exited.stderr.contains("fritzy.db-wal"), "{exited:?}");
    // Nothing was changed, so that the restore can keep it.
    assert!(fs::read(&file).expect("reads") == old);
    assert!(fs::read(&log).expect("reads") == before);
}

/// A mixture that is sound is not proven to be complete. A killed node's own files are.
#[tokio::test(flavor = "multi_thread")]
async fn i1_changed_file_beside_the_log_begins_a_generation() {
    let workspace = Workspace::new();
    let (node, api) = start(&workspace);
    api.new_account("first").await;
    stop(node);
    let file = database(&workspace);
    let old = fs::read(&file).expect("reads");
    let (node, api) = start(&workspace);
    let second = api.new_account("second").await;
    node.kill();
    let (node, api) = start(&workspace);
    assert_eq!(generation(&api).await, "fritzy_database_generation 1");
    node.kill();
    // The same content, as far as it goes: but nobody knows.
    fs::write(&file, &old).expect("written");
    let (node, api) = start(&workspace);
    assert_eq!(generation(&api).await, "fritzy_database_generation 2");
    assert!(knows(&api, &second).await);
    api.new_account("third").await;
    stop(node);
}

/// The files of the database, which must stay as they are.
fn file_and_log(workspace: &Workspace) -> [Vec<u8>; 2] {
    let file = database(workspace);
    [file.clone(), file.with_extension("db-wal")].map(|file| fs::read(file).unwrap_or_default())
}

fn cut(file: &Path, bytes: u64) {
    let opened = OpenOptions::new().write(true).open(file).expect("opens");
    opened.set_len(bytes).expect("cut");
}

async fn wait_unready(api: &Api) {
    wait_until_async("the node is unready", NOTICED_MAX, async || {
        get(api, "/healthz/ready").await.0 == 503
    })
    .await;
}

/// A node whose file has its first events, and whose log has the last ones.
async fn start_with_log(workspace: &Workspace) -> (NodeProcess, Api) {
    let (node, api) = start(workspace);
    for _ in 0..20 {
        api.new_account("in the file").await;
    }
    stop(node);
    let (node, api) = start(workspace);
    for _ in 0..5 {
        api.new_account("in the log").await;
    }
    // Two looks: the connection that looks is open by then.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    (node, api)
}

/// The last connection to be closed moves the log into the file, and removes it.
#[tokio::test(flavor = "multi_thread")]
async fn i1_log_stays_beside_a_damaged_file() {
    for damage in ["cut", "emptied", "overwritten"] {
        let workspace = Workspace::new();
        let (node, api) = start_with_log(&workspace).await;
        let file = database(&workspace);
        let [whole, log] = file_and_log(&workspace);
        match damage {
            "cut" => cut(&file, 40_000),
            "emptied" => cut(&file, 0),
            _ => overwrite(&file, &vec![0xA5; whole.len()]),
        }
        wait_unready(&api).await;
        assert_eq!(create(&api).await, "UNAVAILABLE");
        let [damaged, still] = file_and_log(&workspace);
        assert!(still == log, "{damage}: the log was changed");
        // A few looks later.
        tokio::time::sleep(Duration::from_secs(3)).await;
        node.terminate();
        let exited = node.wait_exit(NODE_TIME_MAX);
        assert_eq!(exited.code, Some(0), "{damage}: {exited:?}");
        assert!(
            file_and_log(&workspace) == [damaged, log],
            "{damage}: something was written"
        );
        assert!(
            exited.stderr.contains("its log stays beside it"),
            "{exited:?}"
        );
        assert!(!exited.stderr.contains("all acknowledged"), "{exited:?}");
        let arguments = ["--listen", "127.0.0.1:0", "--shards", "8"];
        let exited = workspace.run(&mut workspace.command(&arguments));
        assert_eq!(exited.code, Some(1), "{damage}: {exited:?}");
        assert!(exited.stderr.contains("fritzy restore"), "{exited:?}");
    }
}

/// What the log had is lost, although the file is sound: this must not go unnoticed.
#[tokio::test(flavor = "multi_thread")]
async fn i1_log_cut_under_its_node_is_damage() {
    for (kept, ends_by_kill) in [(0, false), (32 + 24, true)] {
        let workspace = Workspace::new();
        let (node, api) = start_with_log(&workspace).await;
        cut(&database(&workspace).with_extension("db-wal"), kept);
        wait_unready(&api).await;
        assert_eq!(create(&api).await, "UNAVAILABLE");
        let log = node.log();
        assert!(
            log.contains("the database is damaged") && log.contains("fritzy restore"),
            "{log}"
        );
        match ends_by_kill {
            true => node.kill(),
            false => stop(node),
        }
        let (node, api) = start(&workspace);
        assert_eq!(generation(&api).await, "fritzy_database_generation 2");
        stop(node);
        // Once only.
        let (node, api) = start(&workspace);
        assert_eq!(generation(&api).await, "fritzy_database_generation 2");
        stop(node);
    }
}

/// The node ends, and its supervisor starts it again.
#[tokio::test(flavor = "multi_thread")]
async fn i1_log_removed_under_its_node_begins_a_generation() {
    let workspace = Workspace::new();
    let (node, _) = start_with_log(&workspace).await;
    fs::remove_file(database(&workspace).with_extension("db-wal")).expect("removed");
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    let (node, api) = start(&workspace);
    assert_eq!(generation(&api).await, "fritzy_database_generation 2");
    stop(node);
}

/// Written over in its place, the log is as long as before or longer.
#[tokio::test(flavor = "multi_thread")]
async fn i1_log_without_its_beginning_is_damage() {
    let workspace = Workspace::new();
    let (node, api) = start_with_log(&workspace).await;
    overwrite(&database(&workspace).with_extension("db-wal"), &[0; 32]);
    wait_unready(&api).await;
    assert_eq!(create(&api).await, "UNAVAILABLE");
    node.kill();
}
