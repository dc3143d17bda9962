//! Records of servers between `up` and `down`, one file each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fritzy_testbed::{DetachedProcess, DetachedServer};
use serde::{Deserialize, Serialize};

use super::service::Started;

/// A server that `up` left running.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) value: String,
    pub(super) about: String,
    pub(super) processes: Vec<RecordedProcess>,
    pub(super) log: String,
    /// Its data, removed by `down`.
    folder: PathBuf,
}

/// One of its processes, and an argument that identifies it.
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
    /// Detaches the server from this process.
    ///
    /// # Errors
    /// When it is no longer running.
    pub(super) fn detach(started: Started) -> Result<Self> {
        let detached = started.server.detach()?;
        Ok(Self {
            value: started.value,
            about: started.about,
            processes: detached.processes.into_iter().map(Into::into).collect(),
            log: started.log.display().to_string(),
            folder: detached.folder,
        })
    }

    /// The record of a service; `None` if there is none.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Self>> {
        let file = file(folder, name);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let why = || {
            format!(
                "{} is damaged: end the processes it names, then remove it",
                file.display()
            )
        };
        serde_json::from_slice(&text).with_context(why).map(Some)
    }

    /// Writes the record of a service.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        let file = file(folder, name);
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    pub(super) fn is_running(&self) -> bool {
        self.detached().is_running()
    }

    /// Ends the server, if its pids still are its processes, and removes the record.
    ///
    /// # Errors
    /// When a process is still running afterwards; then the record stays.
    pub(super) fn end(&self, folder: &Path, name: &str) -> Result<()> {
        self.detached().end()?;
        let file = file(folder, name);
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    fn detached(&self) -> DetachedServer {
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

/// Excludes other calls until it is dropped: two concurrent ones would start two servers and record
/// one.
///
/// # Errors
/// When the lock file cannot be created or locked.
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
