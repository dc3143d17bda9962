//! Settings of the stores on PostgreSQL.

use std::fmt;
use std::time::Duration;

use fritzy_types::ShardCount;

use crate::committer::CommitterConfig;

/// Who else may use a database at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: another node is rejected, whether it is of a cluster or not.
    #[default]
    Alone,
    /// The other nodes of a cluster. A node without a cluster is rejected.
    Cluster,
}

/// Settings of the stores on PostgreSQL.
#[derive(Clone)]
pub struct PostgresConfig {
    /// Address of the database: `postgres://user:password@host:port/database`, with `sslmode`,
    /// `sslrootcert` and the like after a question mark.
    pub url: String,
    /// Number of shards of a new database; an existing one must have as many.
    pub shards: ShardCount,
    /// Limit of connections for reading. Default 8: a read takes a fraction of a millisecond.
    pub readers: u32,
    /// How long opening waits for an unreachable server. Default 10 s: it may start together with
    /// the node.
    pub wait: Duration,
    /// Address of a streaming replica to read lists from. Default none.
    pub replica: Option<String>,
    /// Age limit of lists from the replica, for requests without a consistency token. Default 5 s.
    pub replica_lag_max: Duration,
    /// Number of committers, each with a connection of its own. Default 2: while one waits for its
    /// sync, the other writes; with more, batches become smaller.
    pub committers: u16,
    /// Who else may use the database. Default nobody: a second node is then a mistake.
    pub sharing: Sharing,
    /// Limits of the committers in total.
    pub committer: CommitterConfig,
    /// Whether opening migrates the schema. Default true.
    pub migrate: bool,
    /// Whether to accept a server that may lose acknowledged commits. Default false.
    pub allow_unsafe: bool,
}

/// Without the addresses: they may hold passwords.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresConfig")
            .field("shards", &self.shards)
            .field("sharing", &self.sharing)
            .finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            shards: ShardCount::DEFAULT,
            readers: 8,
            wait: Duration::from_secs(10),
            replica: None,
            replica_lag_max: Duration::from_secs(5),
            committers: 2,
            sharing: Sharing::Alone,
            committer: CommitterConfig::default(),
            migrate: true,
            allow_unsafe: false,
        }
    }
}
