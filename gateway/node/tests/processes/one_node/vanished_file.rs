//! A database file that is empty or missing where a shop has been: never a new shop unless an
//! operator says so.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use fritzy_testbed::Workspace;
use fritzy_testbed_shop::Api;
use serde_json::json;

use super::node_alone::{run, start, stop};

const ARGUMENTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--shards", "8"];

async fn knows(api: &Api, id: &str) -> bool {
    let query = "query($id: String!) { accounts(id: $id) { id } }";
    let response = api.run_with(query, json!({ "id": id })).await;
    response.json()["data"]["accounts"].is_array()
}

fn data(workspace: &Workspace) -> PathBuf {
    workspace.current().join("data")
}

/// All files of a folder but the lock file, which has the process id of the last start.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_none_or(|end| end != "lock"))
        .map(|path| (path.clone(), fs::read(path).expect("reads")))
        .collect()
}

type Vanish = fn(&Path);

fn empty(file: &Path) {
    let mut options = OpenOptions::new();
    let opened = options.write(true).truncate(true).open(file);
    opened.expect("emptied");
}

fn remove(file: &Path) {
    fs::remove_file(file).expect("removed");
}

fn remove_with_log(file: &Path) {
    remove(file);
    remove_log(file);
}

/// After the first run, the log has everything: what is left is a file without a table.
fn remove_log(file: &Path) {
    for end in ["db-wal", "db-shm"] {
        remove(&file.with_extension(end));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_vanished_file_is_refused_until_it_is_restored() {
    let cases: [(&str, bool, Vanish); 6] = [
        ("emptied", false, empty),
        ("removed", false, remove),
        ("emptied beside its log", true, empty),
        ("removed beside its log", true, remove),
        ("removed with its log", true, remove_with_log),
        ("its log removed", true, remove_log),
    ];
    for (how, is_killed, vanish) in cases {
        let workspace = Workspace::new();
        let (node, api) = start(&workspace);
        let kept = api.new_account("kept").await;
        let copied = run(&workspace, &["backup", "copy.db"]);
        assert_eq!(copied.code, Some(0), "{copied:?}");
        match is_killed {
            true => node.kill(),
            false => stop(node),
        }
        let data = data(&workspace);
        vanish(&data.join("fritzy.db"));
        let before = contents(&data);
        for _ in 0..2 {
            let exited = run(&workspace, &ARGUMENTS);
            assert_eq!(exited.code, Some(1), "{how}: {exited:?}");
            let line = exited.stderr.lines().last().unwrap_or_default();
            for part in ["fritzy.db", "fritzy restore"] {
                assert!(line.contains(part), "{how}: {line}");
            }
            assert!(contents(&data) == before, "{how}: something was changed");
        }
        let restored = run(&workspace, &["restore", "copy.db"]);
        assert_eq!(restored.code, Some(0), "{how}: {restored:?}");
        assert!(
            restored.stdout.contains("lost: unknown"),
            "{how}: {restored:?}"
        );
        let (node, api) = start(&workspace);
        assert!(knows(&api, &kept).await, "{how}");
        stop(node);
    }
}

#[test]
fn removed_mark_lets_a_new_shop_begin() {
    let workspace = Workspace::new();
    start(&workspace).0.kill();
    let file = data(&workspace).join("fritzy.db");
    empty(&file);
    // SQLite would remove a log beside an empty file, so it proves a shop as well.
    for proof in ["fritzy.db.created", "fritzy.db-wal"] {
        let refused = run(&workspace, &ARGUMENTS);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let proof = data(&workspace).join(proof);
        let remedy = format!("remove {}", proof.canonicalize().expect("a file").display());
        assert!(refused.stderr.contains(&remedy), "{refused:?}");
        remove(&proof);
    }
    stop(start(&workspace).0);
}

/// Of a version that wrote no mark, or of a start that was killed before.
#[tokio::test(flavor = "multi_thread")]
async fn file_without_a_mark_is_opened_and_marked() {
    let workspace = Workspace::new();
    let (node, api) = start(&workspace);
    let kept = api.new_account("kept").await;
    node.kill();
    let data = data(&workspace);
    let mark = data.join("fritzy.db.created");
    let without_a_table = fs::read(data.join("fritzy.db")).expect("reads");
    remove(&mark);
    let (node, api) = start(&workspace);
    assert!(knows(&api, &kept).await);
    assert!(mark.is_file());
    stop(node);
    for content in [&b""[..], &without_a_table] {
        let workspace = Workspace::new();
        let data = workspace.current().join("data");
        fs::create_dir(&data).expect("a folder");
        fs::write(data.join("fritzy.db"), content).expect("written");
        fs::write(data.join("fritzy.db.lock"), "1\n").expect("written");
        stop(start(&workspace).0);
        assert!(data.join("fritzy.db.created").is_file());
    }
}
