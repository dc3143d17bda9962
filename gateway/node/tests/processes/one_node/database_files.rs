//! The files of a node's SQLite database: one node has them, by whatever name, and notices when
//! they are removed or replaced.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use fritzy_testbed::{ExitedProcess, NODE_TIME_MAX, NodeProcess, Workspace, wait_until};
use fritzy_testbed_shop::Api;

/// A node checks its files once a second; the rest is for a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

fn data(workspace: &Workspace) -> PathBuf {
    workspace.current().join("data")
}

/// Starts a second node, which must be refused.
fn refused(workspace: &Workspace, arguments: &[&str]) -> ExitedProcess {
    let listen = ["--listen", "127.0.0.1:0"];
    let mut command = workspace.command(&[&listen[..], arguments].concat());
    let exited = workspace.spawn(&mut command).wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    assert!(exited.stderr.contains("is in use by another"), "{exited:?}");
    exited
}

async fn require_serving(node: &mut NodeProcess) {
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let created = Api::at(node.address()).run(document).await;
    assert!(!created.text_at("/createAccount/id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_to_a_database_in_use_are_refused() {
    let workspace = Workspace::new();
    let mut first = workspace.node();
    let outside = |name: &str| workspace.outside(name);
    symlink(data(&workspace), outside("linked-folder")).expect("a link");
    for (folder, link) in [("linked-file", true), ("hard-link", false)] {
        let (file, name) = (data(&workspace).join("fritzy.db"), outside(folder));
        fs::create_dir(&name).expect("a folder");
        let name = name.join("fritzy.db");
        let linked = if link {
            symlink(file, name)
        } else {
            fs::hard_link(file, name)
        };
        linked.expect("a link");
    }
    for folder in ["linked-folder", "linked-file", "hard-link"] {
        let folder = outside(folder);
        let folder = folder.to_str().expect("UTF-8");
        let exited = refused(&workspace, &["--data-dir", folder]);
        assert!(exited.stderr.contains(folder), "{exited:?}");
    }
    require_serving(&mut first).await;
}

#[test]
fn link_to_a_missing_database_creates_it_elsewhere() {
    let workspace = Workspace::new();
    fs::create_dir(data(&workspace)).expect("a folder");
    let elsewhere = workspace.outside("elsewhere.db");
    symlink(&elsewhere, data(&workspace).join("fritzy.db")).expect("a link");
    workspace.node().kill();
    assert!(elsewhere.is_file());
    assert!(workspace.outside("elsewhere.db.lock").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_lock_file_admits_no_second_node() {
    let workspace = Workspace::new();
    let mut first = workspace.node();
    let lock = data(&workspace).join("fritzy.db.lock");
    fs::remove_file(&lock).expect("deleted");
    refused(&workspace, &[]);
    // The refused node has created a file that the first one takes over.
    let id = format!("{}\n", first.pid());
    let is_retaken = || fs::read_to_string(&lock).is_ok_and(|text| text == id);
    wait_until("the lock file is created again", NOTICED_WITHIN, is_retaken);
    wait_until("its log names the lock file", NOTICED_WITHIN, || {
        let log = first.log();
        log.contains("the lock file was deleted") && log.contains("fritzy.db.lock")
    });
    let exited = refused(&workspace, &[]);
    assert!(exited.stderr.contains(id.trim()), "{exited:?}");
    require_serving(&mut first).await;
}

#[test]
fn removed_database_file_ends_its_node() {
    for (name, is_copied) in [
        ("fritzy.db", false),
        ("fritzy.db-wal", false),
        ("fritzy.db-wal", true),
    ] {
        let workspace = Workspace::new();
        let mut node = workspace.node();
        node.address();
        let (file, aside) = (data(&workspace).join(name), workspace.outside("aside"));
        fs::rename(&file, &aside).expect("renamed");
        if is_copied {
            fs::copy(&aside, &file).expect("replaced by a copy");
        }
        let exited = node.wait_exit(NOTICED_WITHIN);
        assert_eq!(exited.code, Some(1), "{exited:?}");
        let line = exited.stderr.lines().last().unwrap_or_default();
        for part in [name, "was removed or replaced"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
