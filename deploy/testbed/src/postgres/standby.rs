//! A second server that follows the first, and takes its place.

use std::time::Duration;

use super::{PostgresConfig, PostgresServer, USER};
use crate::error::ServiceError;
use crate::run;

/// A copy of an empty server is 40 MB; that of a test with data some hundred.
const COPY_MAX: Duration = Duration::from_secs(300);

/// The server's own bound on a promotion, in its SQL below.
const PROMOTION: &str = "SELECT pg_promote(true, 60)";

impl PostgresServer {
    /// Makes a server on another port that follows this one by streaming, and answers reads. Its settings are this
    /// one's, with those of `config` over them.
    ///
    /// # Errors
    /// When this one does not run, cannot be copied, or the copy does not accept connections.
    pub fn standby(&self, config: PostgresConfig) -> Result<Self, ServiceError> {
        let mut standby = Self::prepare(&config, self.password.clone())?;
        let mut command = standby.command("pg_basebackup");
        command
            .env("PGPASSWORD", &self.password)
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                &self.port.to_string(),
                "--username",
                USER,
            ])
            .arg("--pgdata")
            .arg(standby.data_dir())
            // Writes where to follow, and lets the standby's start say what is missing.
            .args(["--write-recovery-conf", "--wal-method", "stream"])
            .args(["--checkpoint", "fast", "--no-sync", "--no-password"]);
        run::to_end(&mut command, "pg_basebackup", COPY_MAX)?;
        let settings = self.state().settings.clone();
        standby.configure(&config, settings)?;
        standby.launch_on_a_free_port()?;
        Ok(standby)
    }

    /// Makes a standby accept writes, and follow nobody. It has done so on return. The other one must have been ended
    /// before, or there are two truths.
    ///
    /// # Errors
    /// When it is no standby, or does not take over within 60 s.
    pub fn promote(&self) -> Result<(), ServiceError> {
        match self.psql("postgres", PROMOTION)?.as_str() {
            "t" => Ok(()),
            _ => Err(ServiceError::failed(
                "the promotion of a standby",
                self.log.display(),
            )),
        }
    }
}
