//! A server that keeps running after the program that started it has ended.

use super::PostgresServer;
use crate::detached_server::{DetachedProcess, DetachedServer};
use crate::error::ServiceError;

impl PostgresServer {
    /// Lets the server run after this program has ended.
    ///
    /// # Errors
    /// When it does not run.
    pub fn detach(mut self) -> Result<DetachedServer, ServiceError> {
        let folder = self.reaper.folder().to_path_buf();
        let postmaster = DetachedProcess {
            pid: self.pid().ok_or(ServiceError::NotRunning)?,
            argument: folder.join("data").display().to_string(),
        };
        self.state().postmaster = None;
        self.reaper.detach()?;
        Ok(DetachedServer {
            processes: vec![postmaster],
            folder,
        })
    }
}
