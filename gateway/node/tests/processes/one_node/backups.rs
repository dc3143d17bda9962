//! `fritzy backup` next to a node that writes, and `fritzy restore` after it has stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fritzy_testbed::{Workspace, skip};
use fritzy_testbed_shop::Api;
use serde_json::{Value, json};

use super::node_alone::{database, run, run_json, stop};
use crate::one_node::traced::missing;

async fn knows(api: &Api, id: &str) -> bool {
    let query = "query($id: String!) { accounts(id: $id) { id } }";
    let response = api.run_with(query, json!({ "id": id })).await;
    response.json()["data"]["accounts"].is_array()
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = fs::read_dir(folder).expect("a folder").map(name).collect();
    names.sort();
    names
}

/// The first file of `folder` whose name contains `part`.
fn file_with(folder: &Path, part: &str) -> Option<PathBuf> {
    let names = names(folder);
    let name = names.iter().find(|name| name.contains(part))?;
    Some(folder.join(name))
}

/// Creates accounts until it is told to stop; returns their ids.
async fn write_until(api: Api, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut created = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        created.push(api.new_account("busy").await);
    }
    created
}

/// Byte for byte, the file lacks what the log has, and pages change while they are copied.
#[tokio::test(flavor = "multi_thread")]
async fn i1_backup_beside_a_writing_node_is_complete() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(api.new_account("before").await);
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = (0..4)
        .map(|_| tokio::spawn(write_until(api.clone(), stopped.clone())))
        .collect();
    let folder = workspace.outside("backups");
    fs::create_dir(&folder).expect("a folder");
    let into = folder.to_str().expect("UTF-8");
    let made = run_json(&workspace, &["backup", into]);
    stopped.store(true, Ordering::Relaxed);
    for writer in writing {
        writer.await.expect("it writes on meanwhile");
    }
    let events = made["events"].as_u64().expect("a number");
    assert!(events >= 20, "{made}");
    assert_eq!(
        (&made["shards"], &made["generation"]),
        (&json!(8), &json!(1))
    );
    // Only the backup, named by the time.
    let names = names(&folder);
    assert!(
        names.len() == 1 && names[0].starts_with("fritzy-20"),
        "{names:?}"
    );
    let backup = folder.join(&names[0]);
    let bytes = fs::metadata(&backup).expect("a file").len();
    assert_eq!(made["bytes"], json!(bytes));
    // A second one needs another name.
    let file = backup.to_str().expect("UTF-8");
    let refused = run(&workspace, &["backup", file]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    let replaced = run(&workspace, &["backup", file, "--force"]);
    assert_eq!(replaced.code, Some(0), "{replaced:?}");
    let itself = run(&workspace, &["backup", "data/fritzy.db", "--force"]);
    assert!(itself.stderr.contains("the database itself"), "{itself:?}");
    stop(node);

    // On another machine, nothing else is needed.
    let other = Workspace::new();
    let restored = run_json(&other, &["restore", file]);
    assert_eq!(restored["replaced"], Value::Null);
    let verified = run(&other, &["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let mut node = other.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    for id in &before {
        assert!(knows(&api, id).await, "{id}");
    }
}

/// After a kill the log stays beside the file: it must neither be lost from what is kept aside, nor
/// be applied to the backup.
#[tokio::test(flavor = "multi_thread")]
async fn i1_restore_names_the_loss_and_begins_a_generation() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    let backup = workspace.outside("copy.db");
    let file = backup.to_str().expect("UTF-8");
    run_json(&workspace, &["backup", file]);
    let mut lost = Vec::new();
    for _ in 0..5 {
        lost.push(api.new_account("lost").await);
    }
    let refused = run(&workspace, &["restore", file]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("in use by another process"),
        "{refused:?}"
    );
    assert!(knows(&api, &lost[4]).await);
    node.kill();
    assert!(file_with(&workspace.current().join("data"), "-wal").is_some());

    let restored = run_json(&workspace, &["restore", file]);
    assert_eq!(restored["restored"]["generation"], json!(2), "{restored}");
    assert_eq!(restored["restored"]["events"], json!(1));
    assert_eq!(restored["replaced"]["events"], json!(6));
    let ranges = restored["lost"].as_array().expect("an array");
    let events = ranges.iter().map(|range| {
        let position = |name: &str| range[name].as_u64().expect("a position");
        position("lost") - position("kept")
    });
    assert_eq!(events.sum::<u64>(), 5, "{restored}");
    let data = workspace.current().join("data");
    assert_eq!(file_with(&data, "fritzy.db-"), None, "the old log stays");
    assert_eq!(file_with(&data, "partial"), None);
    // What was replaced is complete: it can be restored in turn.
    let aside = restored["kept_as"].as_str().expect("a file").to_owned();

    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    assert!(knows(&api, &kept).await);
    for id in &lost {
        assert!(!knows(&api, id).await, "{id}");
    }
    api.new_account("after").await;
    stop(node);
    let verified = run(&workspace, &["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let back = run_json(&workspace, &["restore", &aside, "--discard-replaced"]);
    assert_eq!(back["restored"]["events"], json!(6), "{back}");
    // Above both: the line of the restored backup was the second.
    assert_eq!(back["restored"]["generation"], json!(3), "{back}");
    assert_eq!(back["kept_as"], Value::Null);
}

#[test]
fn damaged_or_foreign_backup_is_not_restored() {
    let workspace = Workspace::new();
    stop(workspace.node_with(&["--shards", "8"]));
    let backup = workspace.outside("copy.db");
    let file = backup.to_str().expect("UTF-8");
    run_json(&workspace, &["backup", file]);
    let before = fs::read(database(&workspace)).expect("reads");
    let sound = fs::read(&backup).expect("reads");
    let mut overwritten = sound.clone();
    overwritten[8_192..12_288].fill(0xA5);
    for (content, reason) in [
        (&overwritten[..], "is damaged"),
        (&sound[..sound.len() / 2], "is damaged"),
        (
            b"not a database, but long enough to be read as one",
            "not a backup of fritzy",
        ),
        (b"", "not a backup of fritzy"),
    ] {
        fs::write(&backup, content).expect("written");
        let refused = run(&workspace, &["restore", file]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(reason), "{refused:?}");
        assert_eq!(fs::read(database(&workspace)).expect("reads"), before);
    }
    assert_eq!(
        file_with(&workspace.current().join("data"), "before-restore"),
        None
    );
}

/// A database is restored because it is broken. Its log must not be applied to the backup.
#[tokio::test(flavor = "multi_thread")]
async fn i1_backup_takes_the_place_of_an_unreadable_database() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    let kept = api.new_account("kept").await;
    let backup = workspace.outside("copy.db");
    let file = backup.to_str().expect("UTF-8");
    run_json(&workspace, &["backup", file]);
    // So that the log has the last changes only.
    stop(node);
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    let lost = api.new_account("lost").await;
    node.kill();
    let data = workspace.current().join("data");
    let old_log = fs::read(data.join("fritzy.db-wal")).expect("it stays after a kill");
    let len = fs::metadata(database(&workspace)).expect("a file").len();
    let junk = vec![0xA5; usize::try_from(len).expect("small")];
    fs::write(database(&workspace), &junk).expect("overwritten");
    let restored = run(&workspace, &["restore", file]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.stdout.contains("lost: unknown"), "{restored:?}");
    assert_eq!(file_with(&data, "fritzy.db-"), None, "the old log stays");
    let mut aside = names(&data);
    aside.retain(|name| name.contains("before-restore"));
    let content = |name: &String| fs::read(data.join(name)).expect("reads");
    assert!(content(&aside[0]) == junk, "{aside:?}");
    let log = aside.iter().find(|name| name.ends_with("-wal"));
    assert!(content(log.expect("kept")) == old_log, "{aside:?}");
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    assert!(knows(&api, &kept).await && !knows(&api, &lost).await);
    stop(node);
}

#[test]
fn backup_is_piped_from_stdout_into_stdin() {
    let workspace = Workspace::new();
    stop(workspace.node_with(&["--shards", "8"]));
    let other = Workspace::new();
    let mut source = workspace
        .command(&["backup", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let piped = source.stdout.take().expect("piped");
    let restored = other
        .command(&["restore", "-"])
        .stdin(piped)
        .output()
        .expect("runs");
    let source = source.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&source.stderr);
    assert!(
        source.status.success() && said.starts_with("stdout: 0 events, 8 shards"),
        "{said}"
    );
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(
        names(&other.current().join("data")),
        ["fritzy.db", "fritzy.db.created", "fritzy.db.lock"]
    );
    stop(other.node_with(&["--shards", "8"]));
}

/// A copy that is only in the memory of the system is no backup.
#[test]
fn i1_backup_and_restore_sync_before_and_after_the_rename() {
    if let Some(reason) = missing() {
        skip!(reason);
    }
    let workspace = Workspace::new();
    stop(workspace.node_with(&["--shards", "8"]));
    for arguments in [["backup", "copy.db"], ["restore", "copy.db"]] {
        let command = workspace.command(&arguments);
        let mut traced = Command::new("strace");
        traced
            .args([
                "-f",
                "-y",
                "-e",
                "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2",
            ])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(workspace.current())
            .env_clear();
        let traced = traced.output().expect("strace runs");
        let trace = String::from_utf8_lossy(&traced.stderr);
        assert!(traced.status.success(), "{trace}");
        let last = |parts: &[&str]| {
            let has = |line: &str| parts.iter().all(|part| line.contains(part));
            let lines: Vec<&str> = trace.lines().collect();
            let found = lines.iter().rposition(|line| has(line));
            found.unwrap_or_else(|| panic!("no {parts:?} in {trace}"))
        };
        let written = last(&["sync(", ".partial>"]);
        let placed = last(&["rename", ".partial"]);
        let folder = last(&[
            "sync(",
            if arguments[0] == "backup" {
                "/current>"
            } else {
                "/data>"
            },
        ]);
        assert!(written < placed && placed < folder, "{trace}");
    }
}

/// For recovery to a point in time, and for snapshots of the disk.
#[test]
fn generation_is_raised_without_a_restore() {
    let workspace = Workspace::new();
    let mut node = workspace.node_with(&["--shards", "8"]);
    node.address();
    let raise = ["restore", "--generation-only"];
    let refused = run(&workspace, &raise);
    assert!(
        refused.stderr.contains("in use by another process"),
        "{refused:?}"
    );
    stop(node);
    assert_eq!(
        run_json(&workspace, &raise)["restored"]["generation"],
        json!(2)
    );
    assert_eq!(
        run_json(&workspace, &raise)["restored"]["generation"],
        json!(3)
    );
    stop(workspace.node_with(&["--shards", "8"]));
}
