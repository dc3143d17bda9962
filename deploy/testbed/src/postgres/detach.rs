//! A server that runs on after the program that started it has ended.

use super::PostgresServer;
use crate::error::ServiceError;
use crate::left::{LeftProcess, LeftRunning};

impl PostgresServer {
    /// Lets the server run on without us.
    ///
    /// # Errors
    /// When it does not run.
    pub fn leave_running(mut self) -> Result<LeftRunning, ServiceError> {
        let folder = self.guardian.folder().to_path_buf();
        let postmaster = LeftProcess {
            pid: self.pid().ok_or(ServiceError::NotRunning)?,
            argument: folder.join("data").display().to_string(),
        };
        self.state().postmaster = None;
        self.guardian.leave()?;
        Ok(LeftRunning {
            processes: vec![postmaster],
            folder,
        })
    }
}
