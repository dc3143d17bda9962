//! A standby server that follows a primary and can replace it.

use std::time::Duration;

use super::{PostgresConfig, PostgresServer, USER};
use crate::error::ServiceError;
use crate::run;
use crate::wait::poll_until;

/// A copy of an empty server has 40 MB; one with test data some hundred.
const COPY_MAX: Duration = Duration::from_secs(300);

/// For a standby to replay what its primary has committed.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

/// The promotion's own limit is in the SQL below.
const PROMOTION: &str = "SELECT pg_promote(true, 60)";

impl PostgresServer {
    /// Creates a server on another port that follows this one by streaming replication and serves
    /// reads. Its settings are this one's, overridden by those of `config`.
    ///
    /// # Errors
    /// When this one does not run, cannot be copied, or the copy does not accept connections.
    pub fn standby(&self, config: PostgresConfig) -> Result<Self, ServiceError> {
        let mut standby = Self::prepare(&config, self.password().to_owned())?;
        let mut command = standby.command("pg_basebackup");
        command
            .env("PGPASSWORD", self.password())
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                &self.port().to_string(),
                "--username",
                USER,
            ])
            .arg("--pgdata")
            .arg(standby.data_dir())
            // Writes the primary's address; the standby reports at its start what is missing.
            .args(["--write-recovery-conf", "--wal-method", "stream"])
            .args(["--checkpoint", "fast", "--no-sync", "--no-password"]);
        run::to_end(&mut command, "pg_basebackup", COPY_MAX)?;
        let settings = self.settings().clone();
        standby.configure(&config, settings)?;
        standby.launch_on_a_free_port()?;
        Ok(standby)
    }

    /// Has a standby receive nothing more from its primary: what that commits from now on, a
    /// promotion loses. It has everything that was committed before this call.
    ///
    /// # Errors
    /// When it is no standby of `primary`, or does not catch up in time.
    pub fn stop_following(&self, primary: &Self) -> Result<(), ServiceError> {
        let end = primary.psql("postgres", "SELECT pg_current_wal_lsn()")?;
        // The address is the server's own output.
        let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
        self.wait_for("the standby has caught up", &caught_up)?;
        // The address of the primary is in a file that precedes the testbed's own settings.
        self.psql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")?;
        self.psql("postgres", "SELECT pg_reload_conf()")?;
        let idle = "SELECT (pg_stat_get_wal_receiver()).pid IS NULL";
        self.wait_for("the standby receives nothing more", idle)
    }

    /// Waits until a query returns true.
    fn wait_for(&self, what: &str, query: &str) -> Result<(), ServiceError> {
        let is_true = || self.psql("postgres", query).is_ok_and(|found| found == "t");
        match poll_until(CATCH_UP_MAX, is_true) {
            true => Ok(()),
            false => Err(ServiceError::TooLate {
                what: what.to_owned(),
                limit: CATCH_UP_MAX,
            }),
        }
    }

    /// Promotes a standby to a primary; it accepts writes on return. The old primary must have been
    /// stopped before, or two primaries exist.
    ///
    /// # Errors
    /// When it is no standby, or is not promoted within 60 s.
    pub fn promote(&self) -> Result<(), ServiceError> {
        match self.psql("postgres", PROMOTION)?.as_str() {
            "t" => Ok(()),
            _ => Err(ServiceError::failed(
                "the promotion of a standby",
                self.log().display(),
            )),
        }
    }
}
