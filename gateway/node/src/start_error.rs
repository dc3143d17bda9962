//! Errors of starting a node: each is one line that says what to do.

use std::io;
use std::path::PathBuf;

use fritzy_cluster::MemberError;
use fritzy_gateway::ManifestError;
use fritzy_kafka::KafkaSettingsError;
use fritzy_persistence::{PostgresError, SqliteError};
use fritzy_types::Failure;

use crate::settings::ListenAddress;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be created.
    #[error(
        "the data folder {folder} cannot be created: {failure}. Choose another with --data-dir"
    )]
    DataFolder {
        /// The folder given as `--data-dir`.
        folder: PathBuf,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {failure}. Choose another with --listen (port 0 takes a free one)"
    )]
    Listen {
        /// The address given as `--listen`.
        address: ListenAddress,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The host name of an address to listen on cannot be resolved.
    #[error(
        "the host name in {setting} {address} cannot be resolved: {reason}. Use one that the resolver of this machine knows, or an IP address"
    )]
    Unresolved {
        /// The flag, such as `--listen`.
        setting: &'static str,
        /// Its value.
        address: ListenAddress,
        /// The resolver's message, as a clause.
        reason: String,
    },
    /// The address for other nodes cannot be listened on.
    #[error(
        "cannot listen on {address} for other nodes: {failure}. Choose another with --cluster-listen"
    )]
    ClusterListen {
        /// The address given as `--cluster-listen`.
        address: ListenAddress,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// Nothing could be executed.
    #[error("--documents-only needs --documents: the file with the documents that are executed")]
    DocumentsOnlyAlone,
    /// The file with documents cannot be read.
    #[error("the file {file} of --documents cannot be read: {failure}")]
    DocumentsFile {
        /// The file given as `--documents`.
        file: PathBuf,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The file with documents cannot be used.
    #[error("the file {file} of --documents cannot be used: {failure}")]
    Documents {
        /// The file given as `--documents`.
        file: PathBuf,
        /// What is wrong with it.
        failure: ManifestError,
    },
    /// The admin API has no token.
    #[error(
        "--admin-listen needs --admin-token: a secret of at least 16 characters, which requests must carry"
    )]
    AdminToken,
    /// The address of the admin API cannot be listened on.
    #[error(
        "cannot listen on {address} for the admin API: {failure}. Choose another with --admin-listen"
    )]
    AdminListen {
        /// The address given as `--admin-listen`.
        address: ListenAddress,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// Other nodes cannot connect to this address.
    #[error(
        "other nodes cannot connect to {address}: set --cluster-advertise HOST:PORT to an address where they reach this node"
    )]
    Advertise {
        /// The address given as `--cluster-listen`, whose IP is unspecified, such as `0.0.0.0`.
        address: ListenAddress,
    },
    /// A cluster needs PostgreSQL.
    #[error(
        "--cluster-listen needs --database-url: the nodes of a cluster share a PostgreSQL database; SQLite serves a single node"
    )]
    SqliteCluster,
    /// A node without a cluster has all roles.
    #[error("--roles needs --cluster-listen: a node without a cluster has all roles")]
    RolesAlone,
    /// A setting of a cluster without `--cluster-listen`: the node would run alone and lock the
    /// database.
    #[error("{setting} is for nodes of a cluster: set --cluster-listen as well, or omit it")]
    ClusterAlone {
        /// The flag that is set, such as `--node-name`.
        setting: &'static str,
    },
    /// The node could not join its cluster.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The limit of open files leaves no room for clients.
    #[error(
        "the system allows this node {limit} open files, and it needs {needed} at least. Raise the hard limit: ulimit -Hn in a shell, LimitNOFILE= of systemd, --ulimit nofile= of Docker"
    )]
    OpenFiles {
        /// The hard limit.
        limit: u64,
        /// What the node needs with these settings, for a few clients.
        needed: u64,
    },
    /// The port file cannot be written.
    #[error("the port file {file} cannot be written: {failure}")]
    PortFile {
        /// The file given as `--port-file`.
        file: PathBuf,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The SQLite file cannot be opened.
    #[error(transparent)]
    Database(#[from] SqliteError),
    /// The PostgreSQL database cannot be opened.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The Kafka client cannot be created.
    #[error("{0}. Check the file of --kafka-properties")]
    Kafka(#[from] KafkaSettingsError),
    /// The shards did not start.
    #[error("the shards did not start: {0}")]
    Shards(#[from] Failure),
}

impl StartError {
    /// Whether the settings cannot be used, whatever the state of the machine.
    pub(crate) const fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::DocumentsOnlyAlone
                | Self::DocumentsFile { .. }
                | Self::Documents { .. }
                | Self::AdminToken
                | Self::Advertise { .. }
                | Self::SqliteCluster
                | Self::RolesAlone
                | Self::ClusterAlone { .. }
                | Self::Kafka(_)
        )
    }
}
