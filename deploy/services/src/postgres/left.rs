//! A server that runs on after the program that started it has ended.

use std::path::PathBuf;

use super::PostgresServer;
use crate::error::ServiceError;
use crate::guardian;
use crate::processes::Process;

/// What one must know of a server that was left running, to find and end it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftRunning {
    /// The postmaster's process.
    pub pid: u32,
    /// The server's folder, which is removed with it.
    pub folder: PathBuf,
}

impl PostgresServer {
    /// Lets the server run on without us.
    ///
    /// # Errors
    /// When it does not run.
    pub fn leave_running(mut self) -> Result<LeftRunning, ServiceError> {
        let left = LeftRunning {
            pid: self.pid().ok_or(ServiceError::NotRunning)?,
            folder: self.guardian.folder().to_path_buf(),
        };
        self.state().postmaster = None;
        self.guardian.leave()?;
        Ok(left)
    }
}

impl LeftRunning {
    /// Whether it still runs. That a process has this number is not enough: it must be PostgreSQL on this folder.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let data = self.folder.join("data");
        data.to_str()
            .is_some_and(|data| Process(self.pid).has_argument(data))
    }

    /// Ends it if it runs, and removes its folder. No other process is touched.
    ///
    /// # Errors
    /// When it is still there afterwards.
    pub fn end(&self) -> Result<(), ServiceError> {
        guardian::end(&self.folder)?;
        if self.is_running() || self.folder.exists() {
            let detail = format!(
                "process {} or {} is still there",
                self.pid,
                self.folder.display()
            );
            return Err(ServiceError::failed("the end of postgres", detail));
        }
        Ok(())
    }
}
