//! Targets of `fritzy backup` that must not be replaced, and names that are taken.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::{Path, PathBuf};

use fritzy_testbed::{NODE_TIME_MAX, Workspace};
use rustix::fs::{FileType, Mode, mknodat};

use super::node_alone::run;

fn shop() -> Workspace {
    let workspace = Workspace::new();
    let node = workspace.node_with(&["--shards", "8"]);
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    workspace
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    names
}

fn refuse(workspace: &Workspace, target: &Path, reason: &str) {
    for force in [&["--force"][..], &[]] {
        let target = target.to_str().expect("UTF-8");
        let exited = run(workspace, &[&["backup", target], force].concat());
        assert_eq!(exited.code, Some(1), "{target}: {exited:?}");
        assert!(exited.stderr.contains(reason), "{target}: {exited:?}");
    }
}

#[test]
fn backup_replaces_nothing_but_regular_files() {
    let workspace = shop();
    let here = workspace.outside("targets");
    fs::create_dir(&here).expect("a folder");
    let fifo = here.join("fifo");
    let (kind, mode) = (FileType::Fifo, Mode::from_raw_mode(0o600));
    mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).expect("a fifo");
    let links = [("to-fifo", "fifo"), ("to-nothing", "nothing")];
    for (link, target) in links {
        symlink(target, here.join(link)).expect("a link");
    }
    let before = names(&here);
    for name in ["fifo", "to-fifo", "to-nothing"] {
        refuse(&workspace, &here.join(name), "is not a regular file");
    }
    refuse(&workspace, &here.join("new-folder/"), "no such folder");
    let found = fs::symlink_metadata(&fifo).expect("it is there");
    assert!(found.file_type().is_fifo());
    assert_eq!(names(&here), before, "something was created");

    // A link to a regular file stays a link.
    let (file, link) = (here.join("copy.db"), here.join("latest"));
    fs::write(&file, "old").expect("written");
    symlink("copy.db", &link).expect("a link");
    let target = link.to_str().expect("UTF-8");
    let exited = run(&workspace, &["backup", target, "--force"]);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert!(link.is_symlink());
    assert!(fs::metadata(&file).expect("a file").len() > 3);
}

#[test]
fn i1_files_of_the_database_are_no_targets_of_backups() {
    let workspace = shop();
    let data = workspace.current().join("data");
    let linked = workspace.outside("linked");
    symlink(&data, &linked).expect("a link");
    let before = names(&data);
    for folder in [&data, &linked] {
        for end in ["", "-wal", "-shm", "-journal", ".lock", ".created"] {
            let target = folder.join(format!("fritzy.db{end}"));
            refuse(&workspace, &target, "the database itself");
        }
    }
    assert_eq!(names(&data), before, "something was created");
    let node = workspace.node_with(&["--shards", "8"]);
    for end in ["-wal", "-shm"] {
        let target = data.join(format!("fritzy.db{end}"));
        refuse(&workspace, &target, "the database itself");
    }
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
}

/// Both commands name files by the second.
#[test]
fn names_taken_in_the_same_second_are_passed_over() {
    let workspace = shop();
    let folder = workspace.outside("backups");
    fs::create_dir(&folder).expect("a folder");
    let into = folder.to_str().expect("UTF-8");
    for _ in 0..4 {
        let made = run(&workspace, &["backup", into, "--force"]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    let made = names(&folder);
    assert_eq!(made.len(), 4, "{made:?}");
    let backup = made[0].to_str().expect("UTF-8");
    for _ in 0..4 {
        let restored = run(&workspace, &["restore", backup]);
        assert_eq!(restored.code, Some(0), "{restored:?}");
    }
    let kept = names(&workspace.current().join("data"));
    let is_kept = |file: &&PathBuf| file.to_string_lossy().contains(".before-restore-");
    assert_eq!(kept.iter().filter(is_kept).count(), 4, "{kept:?}");
}
