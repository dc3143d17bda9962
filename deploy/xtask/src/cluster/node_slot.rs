//! A slot for a node: its name, ports and log stay the same for each process that runs in it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use fritzy_testbed::{ChildProcess, ReapedDir, free_port, is_free};

use super::state::{NodeState, NodeStatus};

/// The port of the balancer; n1 has the next one, and so on.
pub(super) const PORTS_FROM: u16 = 8_000;
const CLUSTER_PORTS_FROM: u16 = 7_000;
const ADMIN_PORTS_FROM: u16 = 9_000;
/// The balancer notices within 600 ms that a node is no longer ready.
const UNREADY_MS: &str = "1000";

/// The program and the settings that all nodes share.
pub(super) struct NodeConfig {
    pub(super) program: PathBuf,
    pub(super) database_url: String,
    pub(super) kafka_brokers: Option<String>,
    pub(super) cookie: String,
    pub(super) admin_token: String,
}

/// A slot for one node.
pub(super) struct NodeSlot {
    number: u16,
    name: String,
    pub(super) address: SocketAddr,
    cluster: SocketAddr,
    admin: SocketAddr,
    log: PathBuf,
    process: Option<ChildProcess>,
    pub(super) status: NodeStatus,
}

impl NodeConfig {
    /// The program with these arguments, for the cluster's database and brokers.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            // Not as arguments: every user of this machine can read those.
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

impl NodeSlot {
    /// An empty slot. Its log in this folder is emptied.
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
            process: None,
            status: NodeStatus::Ended("not started".to_owned()),
        })
    }

    /// Starts a process in the slot.
    ///
    /// # Errors
    /// When the program or its log cannot be opened.
    pub(super) fn start(&mut self, config: &NodeConfig, reaped: &ReapedDir) -> Result<()> {
        let folder = reaped.process_dir(&self.name)?;
        // Identifies the process: no other one has this argument.
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
        let mut command = config.command(&arguments.collect::<Vec<_>>());
        // Ctrl-C in the terminal must reach only this program, which then stops the nodes in order.
        command.current_dir(&folder).process_group(0);
        let process = ChildProcess::spawn(&mut command, &self.log)?;
        reaped.watch(&self.name, process.pid(), &port_file)?;
        self.process = Some(process);
        self.status = NodeStatus::Starting;
        Ok(())
    }

    /// Takes a process that a test has started.
    #[cfg(test)]
    pub(super) fn occupy(&mut self, process: ChildProcess) {
        self.process = Some(process);
        self.status = NodeStatus::Starting;
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(ChildProcess::pid)
    }

    /// Sends SIGTERM, after which the node counts as draining.
    pub(super) fn stop(&mut self) {
        if let Some(process) = &self.process {
            process.terminate();
            self.status = NodeStatus::Draining;
        }
    }

    /// Sends SIGKILL, and waits for the end.
    pub(super) fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
    }

    /// Whether its process has ended since the last call, and how.
    pub(super) fn take_end(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.try_exit()?;
        self.process = None;
        let end = end(status);
        self.status = NodeStatus::Ended(end.clone());
        Some(end)
    }

    /// Its entry in the state file.
    pub(super) fn state(&self) -> NodeState {
        NodeState {
            number: self.number,
            name: self.name.clone(),
            status: self.status.clone(),
            url: url(self.address),
            admin_url: url(self.admin),
            cluster_address: self.cluster.to_string(),
            pid: self.pid(),
            log: self.log.clone(),
        }
    }
}

/// The URL for a browser on this machine.
pub(super) fn url(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

/// This port on the loopback interface, or a free one if it is taken.
///
/// # Errors
/// When no port is free.
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
