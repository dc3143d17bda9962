//! What `fritzy restore` says: which remedy, and what is lost, or that nobody knows.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use fritzy_testbed::Workspace;
use serde_json::{Value, json};

use super::node_alone::{database, run, run_json, start, stop};

/// A stopped shop of one event, and its backup `copy.db`.
async fn backed_up() -> Workspace {
    let workspace = Workspace::new();
    let (node, api) = start(&workspace);
    api.new_account("kept").await;
    run_json(&workspace, &["backup", "copy.db"]);
    stop(node);
    workspace
}

fn overwrite(file: &PathBuf) {
    let bytes = fs::metadata(file).expect("a file").len();
    let mut opened = OpenOptions::new().write(true).open(file).expect("opens");
    let junk = vec![0xA5; usize::try_from(bytes).expect("small")];
    opened.write_all(&junk).expect("written");
}

/// Fails unless `text` is one line that names `subject`, and this remedy but no other.
fn require_remedy(text: &str, subject: &str, remedy: &str) {
    let line = text.lines().last().unwrap_or_default();
    assert!(line.contains(subject), "{line}");
    for known in [
        "--data-dir",
        "another backup",
        "its folder exists",
        "`fritzy restore`",
        "`fritzy backup`",
    ] {
        assert_eq!(line.contains(known), known == remedy, "{known}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_backup_is_refused_with_the_right_remedy() {
    let workspace = backed_up().await;
    let sound = fs::read(workspace.current().join("copy.db")).expect("reads");
    let mut damaged = sound.clone();
    damaged[8_192..12_288].fill(0xA5);
    let bad = workspace.current().join("bad.db");
    for (content, remedy) in [
        (None, "`fritzy backup`"),
        (Some(&b""[..]), "`fritzy backup`"),
        (
            Some(b"no database, but longer than a few bytes"),
            "`fritzy backup`",
        ),
        (Some(&sound[..sound.len() / 2]), "another backup"),
        (Some(&damaged), "another backup"),
    ] {
        if let Some(content) = content {
            fs::write(&bad, content).expect("written");
        }
        let refused = run(&workspace, &["restore", "bad.db"]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        require_remedy(&refused.stderr, "bad.db", remedy);
        let Some(_) = content else { continue };
        let mut streamed = workspace.command(&["restore", "-"]);
        streamed.stdin(File::open(&bad).expect("opens"));
        let refused = streamed.stderr(Stdio::piped()).output().expect("runs");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        require_remedy(&said, "stdin", remedy);
        assert!(!said.contains(".restore-"), "{said}");
    }
    // Not into the place of a database that was not there.
    let other = Workspace::new();
    let bad = bad.to_str().expect("UTF-8");
    let refused = run(&other, &["restore", bad]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(!database(&other).exists(), "an empty file is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_database_is_refused_with_the_right_remedy() {
    let workspace = backed_up().await;
    let file = database(&workspace);
    let sound = fs::read(&file).expect("reads");
    let mut inside = sound.clone();
    inside[8_192..].fill(0xA5);
    for content in [&sound[..40_000], &inside, &vec![0xA5; sound.len()]] {
        fs::write(&file, content).expect("written");
        let begin = ["--listen", "127.0.0.1:0", "--shards", "8"];
        let raise = ["restore", "--generation-only"];
        for arguments in [&begin[..], &raise, &["backup", "other.db"]] {
            let refused = run(&workspace, arguments);
            assert_eq!(refused.code, Some(1), "{arguments:?}: {refused:?}");
            require_remedy(&refused.stderr, "data/fritzy.db", "`fritzy restore`");
        }
        assert!(fs::read(&file).expect("reads") == content);
        // As a version without marks has left it.
        let mark = file.with_extension("db.created");
        fs::rename(&mark, workspace.outside("mark")).expect("moved");
        let refused = run(&workspace, &begin);
        require_remedy(&refused.stderr, "data/fritzy.db", "`fritzy restore`");
        fs::rename(workspace.outside("mark"), &mark).expect("moved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_restore_over_an_unreadable_file_says_unknown() {
    let workspace = backed_up().await;
    let file = database(&workspace);
    // Generations that the backup does not know.
    for _ in 0..3 {
        run_json(&workspace, &["restore", "--generation-only"]);
    }
    let junk: fn(&PathBuf) = overwrite;
    let emptied: fn(&PathBuf) = |file| fs::write(file, "").expect("emptied");
    let removed: fn(&PathBuf) = |file| fs::remove_file(file).expect("removed");
    // What a node has found may not show.
    let told: fn(&PathBuf) = |file| {
        let mark = file.with_extension("db.created");
        let mut opened = OpenOptions::new().append(true).open(mark).expect("a mark");
        writeln!(opened, "damaged: the log was cut").expect("written");
    };
    let mut last = 4;
    for break_it in [junk, emptied, removed, told] {
        break_it(&file);
        let report = run_json(&workspace, &["restore", "copy.db"]);
        assert_eq!(report["lost"], Value::Null, "{report}");
        assert!(report["replaced"]["unreadable"].is_string(), "{report}");
        let generation = report["restored"]["generation"].as_u64().expect("a number");
        assert!(generation > last, "{report}");
        last = generation;
        let (node, _) = start(&workspace);
        stop(node);
    }
    // One that can be read is known.
    let report = run_json(&workspace, &["restore", "copy.db"]);
    assert_eq!(report["lost"], json!([]), "{report}");
    assert_eq!(report["restored"]["generation"], json!(last + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn generation_alone_says_that_the_loss_is_unknown() {
    let workspace = backed_up().await;
    let raise = ["restore", "--generation-only"];
    let report = run_json(&workspace, &raise);
    assert_eq!(report["lost"], Value::Null, "{report}");
    let said = run(&workspace, &raise);
    assert!(said.stdout.contains("lost: unknown"), "{said:?}");
    let nothing_was_there = Workspace::new();
    let backup = workspace.current().join("copy.db");
    let backup = backup.to_str().expect("UTF-8");
    let report = run_json(&nothing_was_there, &["restore", backup]);
    assert_eq!(report["lost"], json!([]), "{report}");
}
