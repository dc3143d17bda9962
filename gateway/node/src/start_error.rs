//! Why a node does not start: each in one line that says what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use fritzy_cluster::MemberError;
use fritzy_kafka::KafkaSettingsError;
use fritzy_persistence::{PostgresError, SqliteError};
use fritzy_types::Failure;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made.
    #[error(
        "the data folder {folder} cannot be created: {failure}. Choose another with --data-dir"
    )]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        failure: io::Error,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {failure}. Choose another with --listen (port 0 takes a free one)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        failure: io::Error,
    },
    /// The address for other nodes cannot be listened on.
    #[error(
        "cannot listen on {address} for other nodes: {failure}. Choose another with --cluster-listen"
    )]
    ClusterListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        failure: io::Error,
    },
    /// Operators would not be known.
    #[error(
        "--admin-listen needs --admin-token: a secret of at least 16 characters, which operators show"
    )]
    AdminToken,
    /// The address for operators cannot be listened on.
    #[error(
        "cannot listen on {address} for operators: {failure}. Choose another with --admin-listen"
    )]
    AdminListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        failure: io::Error,
    },
    /// Nobody can be told to call this address.
    #[error(
        "other nodes cannot be told to call {address}: say with --cluster-advertise HOST:PORT where they reach this one"
    )]
    Advertise {
        /// The address.
        address: SocketAddr,
    },
    /// SQLite is for one node.
    #[error(
        "--cluster-listen needs --database-url: the nodes of a cluster share a database on PostgreSQL, and SQLite is for one node"
    )]
    SqliteCluster,
    /// A node that is alone does everything.
    #[error("--roles needs --cluster-listen: a node that is alone does everything")]
    RolesAlone,
    /// Whoever says this has forgotten something, and would have a node that keeps the database for itself.
    #[error("{setting} is for nodes of a cluster: give --cluster-listen as well, or leave it out")]
    ClusterAlone {
        /// What was said.
        setting: &'static str,
    },
    /// The node is no member of its cluster.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The port file cannot be written.
    #[error("the port file {file} cannot be written: {failure}")]
    PortFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        failure: io::Error,
    },
    /// The database file cannot be opened.
    #[error(transparent)]
    Database(#[from] SqliteError),
    /// The database on PostgreSQL cannot be opened.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Kafka's client cannot be made.
    #[error("{0}. Look into the file of --kafka-properties")]
    Kafka(#[from] KafkaSettingsError),
    /// The shards did not start.
    #[error("the shards did not start: {0}")]
    Shards(#[from] Failure),
}
