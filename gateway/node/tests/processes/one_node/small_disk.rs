//! A small file system in memory, which tests fill.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use fritzy_testbed::{NodeProcess, Workspace};

/// Enough for a database and its log, and small enough to fill quickly.
const DISK_SIZE: &str = "16m";

/// A small file system that only this process and its nodes see. Unmounted when dropped.
pub(super) struct SmallDisk {
    holder: Child,
    _until_dropped: ChildStdin,
    in_user_namespace: bool,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts it at `folder`: as root, or as the root of a user namespace where those are allowed.
    pub(super) fn mount(folder: &Path) -> Result<Self, String> {
        Self::mount_in(folder, false).or_else(|_| Self::mount_in(folder, true))
    }

    fn mount_in(folder: &Path, in_user_namespace: bool) -> Result<Self, String> {
        let script = format!(r#"mount -t tmpfs -o size={DISK_SIZE} none "$0" && echo && exec cat"#);
        let user: &[&str] = if in_user_namespace {
            &["--user", "--map-root-user"]
        } else {
            &[]
        };
        let mut holder = Command::new("unshare")
            .args(user)
            .args(["--mount", "sh", "-c", &script])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|failure| format!("unshare does not start: {failure}"))?;
        let until_dropped = holder.stdin.take().expect("piped");
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("piped");
        let read = BufReader::new(stdout).read_line(&mut said);
        let disk = Self {
            holder,
            _until_dropped: until_dropped,
            in_user_namespace,
            folder: folder.to_owned(),
        };
        match read {
            Ok(1..) => Ok(disk),
            _ => Err("no file system may be mounted here".into()),
        }
    }

    /// Starts a node with its data on this disk.
    pub(super) fn node(&self, workspace: &Workspace) -> NodeProcess {
        let node = workspace.command(&[]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id()));
        if self.in_user_namespace {
            command.args(["--user", "--preserve-credentials"]);
        }
        command
            .arg("--mount")
            .arg(node.get_program())
            .args(["--listen", "127.0.0.1:0", "--shards", "16", "--data-dir"])
            .arg(&self.folder)
            .env_clear();
        let mut node = workspace.spawn(&mut command);
        node.address();
        node
    }

    /// The path of a file on it, for this process.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let inside = self.folder.strip_prefix("/").expect("an absolute path");
        root.join(inside).join(name)
    }

    /// Fills the disk to the last byte.
    pub(super) fn fill(&self) {
        let mut filler = File::create(self.file("filler")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    pub(super) fn free(&self) {
        fs::remove_file(self.file("filler")).expect("a value");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
