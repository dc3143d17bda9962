//! A server that runs on after the program that started it has ended.

use std::path::PathBuf;

use crate::error::ServiceError;
use crate::processes::Process;
use crate::reaper;

/// What one must know of a server that was left running, to find and end it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedServer {
    /// Its processes.
    pub processes: Vec<DetachedProcess>,
    /// Its folder, which is removed with it.
    pub folder: PathBuf,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedProcess {
    /// Its number.
    pub pid: u32,
    /// One of its arguments, which no other process has: the number may pass on to another one.
    pub argument: String,
}

impl DetachedProcess {
    fn is_running(&self) -> bool {
        Process(self.pid).has_argument(&self.argument)
    }
}

impl DetachedServer {
    /// Whether all of it still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(DetachedProcess::is_running)
    }

    /// Ends what of it runs, and removes its folder. No other process is touched.
    ///
    /// # Errors
    /// When something is still there afterwards.
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
