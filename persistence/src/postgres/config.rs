//! Settings of the stores on PostgreSQL.

use std::time::Duration;

use fritzy_types::ShardCount;

use crate::committer::CommitterConfig;

/// With whom a database is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// With nobody: another node is refused, alone or of a cluster.
    #[default]
    Alone,
    /// With the other nodes of a cluster; one that is alone is refused.
    Cluster,
}

/// Settings of the stores on PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Where the database is: `postgres://user:password@host:port/database`, with `sslmode`,
    /// `sslrootcert` and the like behind a question mark.
    pub url: String,
    /// How many shards a new database gets; an existing one must have as many.
    pub shards: ShardCount,
    /// Connections for reading at most. Default 8: a read takes a fraction of a millisecond.
    pub readers: u32,
    /// How long opening waits for a server that does not answer yet. Default 10 s: it starts together with
    /// the node.
    pub wait: Duration,
    /// A streaming replica that lists may be read from, by its address.
    pub replica: Option<String>,
    /// How far behind lists may be that come without a token. Default 5 s.
    pub replica_lag_max: Duration,
    /// Committers, each with a connection of its own. Default 2: while one waits for its sync, the other
    /// writes; more make the batches smaller.
    pub committers: u16,
    /// With whom the database is shared. Default alone: a second node is then a mistake.
    pub sharing: Sharing,
    /// Limits of the committers, together.
    pub committer: CommitterConfig,
    /// Whether opening brings the schema up to date. Default true.
    pub migrate: bool,
    /// Whether a server is accepted that may lose what it has acknowledged. Default false.
    pub allow_unsafe: bool,
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
