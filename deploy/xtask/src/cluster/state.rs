//! The state of the running cluster: kept in a file, part of every response, printed as JSON.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// The state file has secrets.
const OWNER_ONLY: u32 = 0o600;

/// What the state file says about a running cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClusterState {
    /// URL of the balancer.
    pub(super) url: String,
    pub(super) database_url: String,
    pub(super) kafka_brokers: Option<String>,
    pub(super) cookie: String,
    pub(super) admin_token: String,
    /// The process that owns the nodes.
    pub(super) pid: u32,
    /// The socket on which it receives requests.
    pub(super) control: PathBuf,
    pub(super) nodes: Vec<NodeState>,
}

/// A node of it, running or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeState {
    pub(super) number: u16,
    pub(super) name: String,
    #[serde(rename = "life")]
    pub(super) status: NodeStatus,
    /// Its own API, without the balancer.
    pub(super) url: String,
    /// URL of its admin API.
    pub(super) admin_url: String,
    /// The address for other nodes.
    pub(super) cluster_address: String,
    /// `None` once it has ended.
    pub(super) pid: Option<u32>,
    pub(super) log: PathBuf,
}

/// The status of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NodeStatus {
    /// Also: temporarily not ready.
    Starting,
    Ready,
    /// It was sent SIGTERM.
    Draining,
    /// Not running; the text says how it ended, or that it was not started.
    Ended(String),
}

/// Held by the one process that owns the nodes, from before the first of them starts. The lock ends
/// with the process, even if it is killed.
pub(super) struct ClusterLock(#[expect(dead_code, reason = "held, not used")] File);

impl ClusterLock {
    /// Locks the folder of the cluster.
    ///
    /// # Errors
    /// When another process holds the lock; the error names it.
    pub(super) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let cannot = || format!("cannot lock {}", path.display());
        let file = File::create(&path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(failure)) => Err(failure).with_context(cannot),
            Err(TryLockError::WouldBlock) => match ClusterState::read(folder)? {
                Some(other) => bail!(
                    "a cluster is running already, on {} (process {})",
                    other.url,
                    other.pid
                ),
                None => bail!("a cluster is starting or ending"),
            },
        }
    }
}

impl ClusterState {
    /// The state of the running cluster; `None` when none is running.
    ///
    /// # Errors
    /// When the state file exists and cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let file = file(folder);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let state: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: remove it", file.display()))?;
        // A killed cluster leaves its file, and nothing listens on its socket.
        let runs = UnixStream::connect(&state.control).is_ok();
        Ok(runs.then_some(state))
    }

    /// Replaces the state file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let (file, new) = (file(folder), folder.join("state.new"));
        let text = serde_json::to_string_pretty(self)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options
            .mode(OWNER_ONLY)
            .open(&new)
            .and_then(|mut out| {
                out.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
                out.write_all(text.as_bytes())
            })
            // Readers see the old file or the new one, never a part.
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Removes the state file.
    pub(super) fn remove(folder: &Path) {
        // A file that cannot be removed is harmless: its socket is gone.
        drop(fs::remove_file(file(folder)));
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use fritzy_testbed::ReapedDir;

    use super::*;

    #[test]
    fn second_cluster_is_refused_while_one_runs() {
        let folder = ReapedDir::new().unwrap();
        let refused = || {
            ClusterLock::acquire(folder.path())
                .err()
                .unwrap()
                .to_string()
        };
        let lock = ClusterLock::acquire(folder.path()).unwrap();
        assert_eq!(refused(), "a cluster is starting or ending");

        let control = folder.path().join("control");
        let _listener = UnixListener::bind(&control).unwrap();
        let state = ClusterState {
            url: "http://localhost:8000".to_owned(),
            database_url: String::new(),
            kafka_brokers: None,
            cookie: String::new(),
            admin_token: String::new(),
            pid: 4_711,
            control,
            nodes: Vec::new(),
        };
        state.write(folder.path()).unwrap();
        assert_eq!(
            refused(),
            "a cluster is running already, on http://localhost:8000 (process 4711)"
        );

        // As after a kill: the state file is left.
        drop(lock);
        ClusterLock::acquire(folder.path()).unwrap();
    }
}
