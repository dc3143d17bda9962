//! A batch writes nothing but the log. SQLite's default would copy pages before each statement that
//! changes them, beyond 64 KiB into a temporary file, to be able to undo that statement alone.

use std::time::SystemTime;

use fritzy_testbed::{NODE_TIME_MAX, Workspace};
use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::json;

/// Concurrent, so that batches are large; fewer than a node executes at once.
const CLIENTS: usize = 100;
/// Accounts of each client: so many that the rows of a batch take more than 16 pages, which are 64
/// KiB.
const ACCOUNTS: usize = 80;

async fn create_accounts(api: Api) {
    let document = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
    for _ in 0..ACCOUNTS {
        let made = api.run_with(document, json!({ "name": "somebody" })).await;
        made.text_at("/createAccount/id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_create_no_temporary_files() {
    let workspace = Workspace::new();
    let temporary = workspace.outside("temporary");
    std::fs::create_dir(&temporary).expect("a folder");
    // SQLite removes a file's name from the directory as soon as it is open; the directory's
    // modification time remains.
    let changed = || {
        let folder = std::fs::metadata(&temporary).expect("a folder");
        folder.modified().expect("a time")
    };
    let before: SystemTime = changed();
    let mut command = workspace.command(&["--listen", "127.0.0.1:0"]);
    let mut node = workspace.spawn(command.env("SQLITE_TMPDIR", &temporary));
    let api = Api::at(node.address());
    let clients = (0..CLIENTS).map(|_| tokio::spawn(create_accounts(api.clone())));
    for client in join_all(clients).await {
        client.expect("every account is made");
    }
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert_eq!(changed(), before, "a file was made there");
}
