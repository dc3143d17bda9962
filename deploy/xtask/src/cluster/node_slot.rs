//! One node's place: its name, its ports and its log stay while processes in it come and go.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use fritzy_testbed::{WatchedFolder, free_port, is_free};

use super::state::{Life, Node};
use crate::test::stream;

/// The first node's ports are one more each; the balancer is before them.
pub(super) const PORTS_FROM: u16 = 8_000;
const CLUSTER_PORTS_FROM: u16 = 7_000;
const ADMIN_PORTS_FROM: u16 = 9_000;
/// The balancer has noticed within 600 ms that a node is not ready any more.
const UNREADY_MS: &str = "1000";

/// What all nodes are started with.
pub(super) struct Setup {
    pub(super) program: PathBuf,
    pub(super) database_url: String,
    pub(super) kafka_brokers: Option<String>,
    pub(super) cookie: String,
    pub(super) admin_token: String,
}

/// A place for a node.
pub(super) struct Seat {
    number: u16,
    name: String,
    pub(super) address: SocketAddr,
    cluster: SocketAddr,
    admin: SocketAddr,
    log: PathBuf,
    child: Option<Child>,
    pub(super) life: Life,
}

impl Setup {
    /// The program, for this database and these brokers.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            // Not as arguments, which every account of this machine can read.
            .env("DATABASE_URL", &self.database_url)
            .env("FRITZY_CLUSTER_COOKIE", &self.cookie)
            .env("FRITZY_ADMIN_TOKEN", &self.admin_token)
            .stdin(Stdio::null());
        match &self.kafka_brokers {
            Some(brokers) => command.env("KAFKA_BROKERS", brokers),
            None => command.env_remove("KAFKA_BROKERS"),
        };
        command
    }
}

impl Seat {
    /// An empty one; its log is begun anew in this folder.
    ///
    /// # Errors
    /// When there is no free port, or the log cannot be written.
    pub(super) fn new(number: u16, logs: &Path) -> Result<Self> {
        let name = format!("n{number}");
        let log = logs.join(format!("{name}.log"));
        fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
        Ok(Self {
            number,
            name,
            address: address(PORTS_FROM + number)?,
            cluster: address(CLUSTER_PORTS_FROM + number)?,
            admin: address(ADMIN_PORTS_FROM + number)?,
            log,
            child: None,
            life: Life::Ended("not started".to_owned()),
        })
    }

    /// Starts a process in it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&mut self, setup: &Setup, watched: &WatchedFolder) -> Result<()> {
        let folder = watched.of_process(&self.name)?;
        let log = OpenOptions::new().append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        // No other process has this argument.
        let port_file = folder.join("port").display().to_string();
        let arguments = [
            ("--node-name", self.name.clone()),
            ("--listen", self.address.to_string()),
            ("--cluster-listen", self.cluster.to_string()),
            ("--admin-listen", self.admin.to_string()),
            ("--unready-ms", UNREADY_MS.to_owned()),
            ("--port-file", port_file.clone()),
        ];
        let arguments = arguments.iter().flat_map(|(name, value)| [*name, value]);
        let child = setup
            .command(&arguments.collect::<Vec<_>>())
            .current_dir(&folder)
            // Ctrl-C in the terminal goes to us, and we end it in order.
            .process_group(0)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", setup.program.display()))?;
        watched.watch(&self.name, child.id(), &port_file)?;
        self.child = Some(child);
        self.life = Life::Starting;
        Ok(())
    }

    /// A process that a test has started.
    #[cfg(test)]
    pub(super) fn occupy(&mut self, child: Child) {
        self.child = Some(child);
        self.life = Life::Starting;
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks it to end in order.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) fn stop(&mut self) -> Result<()> {
        if let Some(child) = &self.child {
            stream::terminate(child)?;
            self.life = Life::Draining;
        }
        Ok(())
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // Both succeed on a child of ours.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// How it has ended, told once.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        let end = end(status);
        self.life = Life::Ended(end.clone());
        Some(end)
    }

    /// For people and for the state file.
    pub(super) fn shown(&self) -> Node {
        Node {
            number: self.number,
            name: self.name.clone(),
            life: self.life.clone(),
            url: url(self.address),
            admin_url: url(self.admin),
            cluster_address: self.cluster.to_string(),
            pid: self.pid(),
            log: self.log.clone(),
        }
    }
}

/// How a browser on this machine reaches it.
pub(super) fn url(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

/// This port on this machine, or a free one when somebody has it.
///
/// # Errors
/// When there is no free one.
pub(super) fn address(port: u16) -> Result<SocketAddr> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if is_free(port) {
        return Ok(at(port));
    }
    Ok(at(free_port()?))
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "in order".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed".to_owned(),
        (None, signal) => format!("by signal {}", signal.unwrap_or_default()),
    }
}
