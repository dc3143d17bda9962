//! The name, the addresses and the settings of one node of a cluster: they stay while processes
//! start and exit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::binary::node_binary;
use super::process::NodeProcess;
use super::workspace::Workspace;
use crate::error::ServiceError;
use crate::port::free_address;

/// What all nodes of a cluster are started with.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The database that they share.
    pub database_url: String,
    /// Their common secret, at least 16 bytes.
    pub cookie: String,
    /// The token of the operators' endpoint; without one, nodes have no such endpoint.
    pub admin_token: Option<String>,
    /// Further arguments of every node.
    pub arguments: Vec<String>,
    /// The program of every node; `None` is the one of this build.
    pub program: Option<PathBuf>,
}

impl ClusterSettings {
    /// Settings with a cookie of their own and without an operators' endpoint.
    #[must_use]
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            cookie: "the cookie of a local cluster".to_owned(),
            admin_token: None,
            arguments: Vec::new(),
            program: None,
        }
    }

    /// The same with one more setting of every node.
    #[must_use]
    pub fn with(mut self, flag: &str, value: impl ToString) -> Self {
        self.arguments.extend([flag.to_owned(), value.to_string()]);
        self
    }
}

/// Where one node listens.
#[derive(Debug, Clone, Copy)]
pub struct NodeAddresses {
    /// The address of the API, for clients.
    pub api: SocketAddr,
    /// The address for connections from other nodes.
    pub cluster: SocketAddr,
    /// The address of the admin API, for operators.
    pub admin: SocketAddr,
}

impl NodeAddresses {
    /// Three free loopback ports.
    ///
    /// # Errors
    /// When no port is free.
    pub fn free() -> Result<Self, ServiceError> {
        Ok(Self {
            api: free_address()?,
            cluster: free_address()?,
            admin: free_address()?,
        })
    }
}

/// One node of a cluster, running or not.
#[derive(Debug)]
pub struct NodeSlot {
    name: String,
    addresses: NodeAddresses,
    settings: ClusterSettings,
    workspace: Workspace,
}

impl NodeSlot {
    /// A slot on free ports.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(name: impl Into<String>, settings: ClusterSettings) -> Result<Self, ServiceError> {
        Ok(Self::at(name, NodeAddresses::free()?, settings))
    }

    /// A slot at these addresses.
    #[must_use]
    pub fn at(
        name: impl Into<String>,
        addresses: NodeAddresses,
        settings: ClusterSettings,
    ) -> Self {
        let workspace = Workspace::new();
        Self {
            name: name.into(),
            addresses,
            settings,
            workspace,
        }
    }

    /// The program of the next process; `None` is the one of this build.
    pub fn set_program(&mut self, program: Option<PathBuf>) {
        self.settings.program = program;
    }

    /// The node's name, unique in its cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where processes in this slot listen.
    #[must_use]
    pub const fn addresses(&self) -> NodeAddresses {
        self.addresses
    }

    /// The command that starts the node. Secrets are in its environment, because every user of the
    /// machine can read arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let program = self.settings.program.clone().unwrap_or_else(node_binary);
        let mut command = self.workspace.command_of(&program, &[]);
        command
            .args(["--node-name", &self.name])
            .args(["--listen", &self.addresses.api.to_string()])
            .args(["--cluster-listen", &self.addresses.cluster.to_string()])
            // There is no balancer that must notice, unless a test sets the flag.
            .env("FRITZY_UNREADY_MS", "0")
            .env("DATABASE_URL", &self.settings.database_url)
            .env("FRITZY_CLUSTER_COOKIE", &self.settings.cookie);
        if let Some(token) = &self.settings.admin_token {
            command
                .args(["--admin-listen", &self.addresses.admin.to_string()])
                .env("FRITZY_ADMIN_TOKEN", token);
        }
        command.args(&self.settings.arguments);
        command
    }

    /// Starts the node and does not wait until it listens.
    #[must_use]
    pub fn spawn(&self) -> NodeProcess {
        self.spawn_command(&mut self.command())
    }

    /// [`Self::spawn`] with a changed [`Self::command`].
    #[must_use]
    pub fn spawn_command(&self, command: &mut Command) -> NodeProcess {
        self.workspace.spawn(command)
    }

    /// Starts the node and waits until it listens.
    #[must_use]
    pub fn start(&self) -> NodeProcess {
        let mut process = self.spawn();
        process.address();
        process
    }
}
