//! What is known of the cluster that runs: kept in a file, answered to every order, printed as JSON.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
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

/// Held by the one process that starts nodes here, from before it starts the first of them. It ends with the process,
/// however that does, and needs no tidying up.
pub(super) struct Claim(#[expect(dead_code, reason = "held, not used")] File);

impl Claim {
    /// Claims the folder.
    ///
    /// # Errors
    /// When another process has it, which is named.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let cannot = || format!("cannot lock {}", path.display());
        let file = File::create(&path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(failure)) => Err(failure).with_context(cannot),
            Err(TryLockError::WouldBlock) => match State::read(folder)? {
                Some(other) => bail!("one runs already, on {} (process {})", other.url, other.pid),
                None => bail!("one is just starting or ending"),
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use fritzy_testbed::ReapedDir;

    use super::*;

    #[test]
    fn there_is_one_at_a_time() {
        let folder = ReapedDir::new().unwrap();
        let refused = || Claim::of(folder.path()).err().unwrap().to_string();
        let claim = Claim::of(folder.path()).unwrap();
        assert_eq!(refused(), "one is just starting or ending");

        let control = folder.path().join("control");
        let _listener = UnixListener::bind(&control).unwrap();
        let state = State {
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
            "one runs already, on http://localhost:8000 (process 4711)"
        );

        // One that was killed has left its state.
        drop(claim);
        Claim::of(folder.path()).unwrap();
    }
}
