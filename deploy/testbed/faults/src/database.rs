//! The database of a cluster: its server, a standby that can replace it, and a small disk.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, SmallDisk, poll_until};

use crate::config::Standby;

/// A new server uses some 60 MB with its WAL.
const DISK_SIZE: &str = "160m";
/// So that the WAL never takes most of that disk.
const WAL_SIZE: &str = "32MB";
/// For a server that restarts itself after a failed write: it has little to replay.
const RECOVERY_MAX: Duration = Duration::from_secs(5);

/// A server that can be replaced by its standby.
#[derive(Debug)]
pub(crate) struct FaultDatabase {
    servers: Mutex<Servers>,
    /// Unmounted after the server has ended.
    disk: Option<SmallDisk>,
}

#[derive(Debug)]
struct Servers {
    primary: PostgresServer,
    standby: Option<PostgresServer>,
}

impl FaultDatabase {
    /// Starts a server, on a small disk or not.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] without PostgreSQL, or where no file system may be mounted.
    pub(crate) fn start(logs: &Path, small_disk: bool) -> Result<Self, ServiceError> {
        let mut config = PostgresConfig::shared_by_tests();
        config.log = Some(logs.join("postgres.log"));
        let disk = match small_disk {
            true => Some(SmallDisk::mount(DISK_SIZE)?),
            false => None,
        };
        if let Some(disk) = &disk {
            config.data_root = Some(disk.path().to_owned());
            config = config
                .with("max_wal_size", WAL_SIZE)
                .with("min_wal_size", WAL_SIZE);
        }
        let servers = Servers {
            primary: PostgresServer::start(config)?,
            standby: None,
        };
        Ok(Self {
            servers: Mutex::new(servers),
            disk,
        })
    }

    /// A panic under this lock leaves nothing half done: servers are replaced whole.
    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a standby.
    pub(crate) fn follow(&self, logs: &Path, standby: Standby) -> Result<(), ServiceError> {
        if standby == Standby::None {
            return Ok(());
        }
        let mut servers = self.servers();
        let config = PostgresConfig {
            log: Some(logs.join("postgres-standby.log")),
            ..PostgresConfig::default()
        };
        servers.standby = Some(servers.primary.standby(config)?);
        if standby == Standby::Synchronous {
            servers.primary.set("synchronous_standby_names", "*")?;
        }
        Ok(())
    }

    /// The URL of the database, without a proxy.
    pub(crate) fn url(&self) -> String {
        self.servers().primary.url("postgres")
    }

    pub(crate) fn port(&self) -> u16 {
        self.servers().primary.port()
    }

    pub(crate) fn pause(&self) -> Result<(), ServiceError> {
        self.servers().primary.pause()
    }

    pub(crate) fn resume(&self) -> Result<(), ServiceError> {
        self.servers().primary.resume()
    }

    pub(crate) fn kill(&self) -> Result<(), ServiceError> {
        self.servers().primary.kill()
    }

    pub(crate) fn restart(&self) -> Result<(), ServiceError> {
        self.servers().primary.restart()
    }

    /// Has the standby receive nothing more: a promotion loses what is committed from now on.
    pub(crate) fn stop_following(&self) -> Result<(), ServiceError> {
        let servers = self.servers();
        let standby = servers.standby.as_ref().ok_or_else(no_standby)?;
        standby.stop_following(&servers.primary)
    }

    /// Kills the server, leads all connections to the standby by `lead`, and promotes it.
    pub(crate) fn promote(&self, lead: impl FnOnce(SocketAddr)) -> Result<(), ServiceError> {
        let mut servers = self.servers();
        let standby = servers.standby.take().ok_or_else(no_standby)?;
        if servers.primary.pid().is_some() {
            servers.primary.kill()?;
        }
        lead(SocketAddr::from((Ipv4Addr::LOCALHOST, standby.port())));
        standby.promote()?;
        servers.primary = standby;
        Ok(())
    }

    pub(crate) fn fill_disk(&self) -> Result<(), ServiceError> {
        self.disk.as_ref().ok_or_else(no_disk)?.fill()
    }

    /// Frees the disk. A server that cannot write its log ends, or restarts itself; one that has
    /// ended is started, as a supervisor would.
    pub(crate) fn free_disk(&self) -> Result<(), ServiceError> {
        self.disk.as_ref().ok_or_else(no_disk)?.free()?;
        let servers = self.servers();
        let is_alive = || servers.primary.psql("postgres", "SELECT 1").is_ok();
        if poll_until(RECOVERY_MAX, is_alive) {
            return Ok(());
        }
        servers.primary.kill()?;
        servers.primary.restart()
    }
}

fn no_standby() -> ServiceError {
    ServiceError::Failed {
        what: "a promotion".to_owned(),
        detail: "the cluster was started without a standby, or it was promoted before".to_owned(),
    }
}

fn no_disk() -> ServiceError {
    ServiceError::Failed {
        what: "a full disk".to_owned(),
        detail: "the database was not started on a small disk".to_owned(),
    }
}
