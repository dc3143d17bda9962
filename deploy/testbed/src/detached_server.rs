//! A server that keeps running after the program that started it has ended.

use std::path::PathBuf;

use crate::error::ServiceError;
use crate::processes::Process;
use crate::reaper;

/// What is needed to find and end a detached server later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedServer {
    /// All of its processes.
    pub processes: Vec<DetachedProcess>,
    /// Its directory, which is removed with it.
    pub folder: PathBuf,
}

/// One process of a detached server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedProcess {
    /// The process id, which names this process only while `argument` confirms it.
    pub pid: u32,
    /// An argument that no other process has: the process id may be reused.
    pub argument: String,
}

impl DetachedProcess {
    fn is_running(&self) -> bool {
        Process(self.pid).has_argument(&self.argument)
    }
}

impl DetachedServer {
    /// Whether all of its processes still run.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(DetachedProcess::is_running)
    }

    /// Ends its processes and removes its directory. No other process is touched.
    ///
    /// # Errors
    /// When a process or the directory still exists afterwards.
    pub fn end(&self) -> Result<(), ServiceError> {
        reaper::end(&self.folder)?;
        let runs = self.processes.iter().find(|process| process.is_running());
        if runs.is_some() || self.folder.exists() {
            let detail = format!("{} or {runs:?} is still there", self.folder.display());
            return Err(ServiceError::failed("the end of a server", detail));
        }
        Ok(())
    }
}
