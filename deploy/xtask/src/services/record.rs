//! What is kept of a server between `up` and `down`: one small file each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fritzy_testbed::{DetachedProcess, DetachedServer};
use serde::{Deserialize, Serialize};

use super::service::Started;

/// A server that was left running.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) value: String,
    pub(super) about: String,
    pub(super) processes: Vec<RecordedProcess>,
    pub(super) log: String,
    /// Its data, removed with it.
    folder: PathBuf,
}

/// One of its processes, and an argument by which it is known.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedProcess {
    pub(super) pid: u32,
    argument: String,
}

impl From<DetachedProcess> for RecordedProcess {
    fn from(process: DetachedProcess) -> Self {
        let DetachedProcess { pid, argument } = process;
        Self { pid, argument }
    }
}

impl Record {
    /// Lets the server run on, and remembers it.
    ///
    /// # Errors
    /// When it does not run any more.
    pub(super) fn detach(started: Started) -> Result<Self> {
        let left = started.server.detach()?;
        Ok(Self {
            value: started.value,
            about: started.about,
            processes: left.processes.into_iter().map(Into::into).collect(),
            log: started.log.display().to_string(),
            folder: left.folder,
        })
    }

    /// # Errors
    /// When there is a file and it cannot be read.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Self>> {
        let file = file(folder, name);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let why = || {
            format!(
                "{} is damaged: end what it names by hand, and remove it",
                file.display()
            )
        };
        serde_json::from_slice(&text).with_context(why).map(Some)
    }

    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        let file = file(folder, name);
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    pub(super) fn is_running(&self) -> bool {
        self.left().is_running()
    }

    /// Ends the server, if the process of this number still is it, and forgets it.
    ///
    /// # Errors
    /// When it is still there afterwards; then it is not forgotten.
    pub(super) fn end(&self, folder: &Path, name: &str) -> Result<()> {
        self.left().end()?;
        let file = file(folder, name);
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    fn left(&self) -> DetachedServer {
        let processes = self.processes.iter().map(|process| DetachedProcess {
            pid: process.pid,
            argument: process.argument.clone(),
        });
        DetachedServer {
            processes: processes.collect(),
            folder: self.folder.clone(),
        }
    }
}

/// Keeps other calls away until it is dropped: two that start at once would start two servers, and remember one.
///
/// # Errors
/// When the folder cannot be written to.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let why = || format!("cannot lock {}", path.display());
    let file = File::create(&path).with_context(why)?;
    file.lock().with_context(why)?;
    Ok(file)
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}
