//! What is known of the cluster that runs: kept in a file, answered to every order, printed as JSON.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// It holds secrets.
const ONLY_THE_OWNER: u32 = 0o600;

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Of the balancer.
    pub(super) url: String,
    pub(super) database_url: String,
    pub(super) kafka_brokers: Option<String>,
    pub(super) cookie: String,
    pub(super) admin_token: String,
    /// Of the process that owns all this.
    pub(super) pid: u32,
    /// The socket on which it takes orders.
    pub(super) control: PathBuf,
    pub(super) nodes: Vec<Node>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) life: Life,
    /// Where it serves, past the balancer.
    pub(super) url: String,
    /// Where it hears those who operate it.
    pub(super) admin_url: String,
    /// Where other nodes reach it.
    pub(super) cluster_address: String,
    /// `None` once it has ended.
    pub(super) pid: Option<u32>,
    pub(super) log: PathBuf,
}

/// How it is with a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Life {
    /// Or not ready for a moment.
    Starting,
    Ready,
    /// It was told to end.
    Draining,
    /// How it has ended.
    Ended(String),
}

impl State {
    /// The state of the cluster that runs; `None` when none does.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let file = file(folder);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let state: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: remove it", file.display()))?;
        // One that was killed leaves its file, and nobody listens.
        let runs = UnixStream::connect(&state.control).is_ok();
        Ok(runs.then_some(state))
    }

    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let (file, new) = (file(folder), folder.join("state.new"));
        let text = serde_json::to_string_pretty(self)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options
            .mode(ONLY_THE_OWNER)
            .open(&new)
            .and_then(|mut out| {
                out.set_permissions(Permissions::from_mode(ONLY_THE_OWNER))?;
                out.write_all(text.as_bytes())
            })
            // Whoever reads meanwhile reads the one before.
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Forgets it.
    pub(super) fn remove(folder: &Path) {
        // One that stays is told by its socket, which is gone.
        drop(fs::remove_file(file(folder)));
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}
