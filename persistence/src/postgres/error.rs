//! Why a database on PostgreSQL cannot be used.

use crate::open_error::OpenError;

/// Why a database on PostgreSQL could not be opened. `server` is its address without the password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The address is none.
    #[error(
        "the database URL cannot be read: {0}. It looks like postgres://user:password@host:5432/database"
    )]
    Url(String),
    /// The server does not let us in.
    #[error(
        "the database {server} does not let this node in: {reason}. Check user, password and database in \
         DATABASE_URL"
    )]
    Refused {
        /// Its address.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// The role may not do what has to be done.
    #[error(
        "the database {server} does not let this role do what it must: {reason}. Make it the owner of the tables, \
         or grant it what is missing"
    )]
    NoRight {
        /// Its address.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "the database {server} cannot be reached: {reason}. Check DATABASE_URL, and that the server runs"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What the system or the server said.
        reason: String,
    },
    /// It was reached, and then something in it could not be read.
    #[error("the database {server} cannot be read: {reason}")]
    Unreadable {
        /// Its address.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// The server is too old.
    #[error("the database {server} is PostgreSQL {found}; fritzy needs 15 or newer")]
    OldServer {
        /// Its address.
        server: String,
        /// Its version.
        found: String,
    },
    /// The server acknowledges what it has not synced.
    #[error(
        "the database {server} may lose what it has acknowledged: {setting} is {found}. Set it to on, or \
         accept the loss with --database-unsafe"
    )]
    NotDurable {
        /// Its address.
        server: String,
        /// The server's setting.
        setting: &'static str,
        /// What it is.
        found: String,
    },
    /// It cannot hold every name.
    #[error("the database {server} is encoded in {found}. Make one with ENCODING 'UTF8'")]
    Encoding {
        /// Its address.
        server: String,
        /// Its encoding.
        found: String,
    },
    /// The server takes no writes.
    #[error(
        "the database {server} is a standby, which takes no writes. Name the primary in DATABASE_URL"
    )]
    Standby {
        /// Its address.
        server: String,
    },
    /// Another node uses it.
    #[error(
        "the database {server} is in use by another node ({holder}). Stop it, or name another database"
    )]
    InUse {
        /// Its address.
        server: String,
        /// What the server knows of that node's connection.
        holder: String,
    },
    /// The nodes of a cluster use it, and this one would be alone.
    #[error(
        "the database {server} is in use by the nodes of a cluster (one is {holder}). Give this node the settings of a \
         cluster, or stop them, or name another database"
    )]
    InUseByCluster {
        /// Its address.
        server: String,
        /// What the server knows of the connection of one of them.
        holder: String,
    },
    /// A node that is alone uses it, and this one is of a cluster.
    #[error(
        "the database {server} is in use by a node that is alone ({holder}). Stop it and give it the settings of the \
         cluster, or name another database"
    )]
    InUseAlone {
        /// Its address.
        server: String,
        /// What the server knows of that node's connection.
        holder: String,
    },
    /// It is something else.
    #[error("{server} is not a database of fritzy. Name one in DATABASE_URL")]
    Foreign {
        /// Its address.
        server: String,
    },
    /// Somebody else's tables are in it, and none of ours.
    #[error(
        "the database {server} is somebody else's: it holds {found}, and nothing of fritzy's. Make an empty one (CREATE \
         DATABASE fritzy), and name it in DATABASE_URL"
    )]
    NotEmpty {
        /// Its address.
        server: String,
        /// One of the tables and views.
        found: String,
    },
    /// The schema is not up to date.
    #[error(
        "the database {server} lacks step {step} of the schema. Run `fritzy migrate`, or start without --migrate off"
    )]
    SchemaBehind {
        /// Its address.
        server: String,
        /// The first step it lacks.
        step: i64,
    },
    /// The schema has been changed so that this version cannot use it.
    #[error(
        "the database {server} needs a version of fritzy that knows step {required} of its schema; this one knows \
         {known}. Start a newer version"
    )]
    SchemaAhead {
        /// Its address.
        server: String,
        /// The step that must be known.
        required: i64,
        /// The last step known here.
        known: i64,
    },
    /// A step could not be taken, or is not what this version has under its number.
    #[error("the schema of the database {server} cannot be brought up to date: {reason}")]
    Migration {
        /// Its address.
        server: String,
        /// What the migrator said.
        reason: String,
    },
    /// It has another number of shards.
    #[error(
        "the database {server} was created with {found} shards, the settings say {expected}. The number is \
         fixed when a database is created: set it to {found}"
    )]
    OtherShardCount {
        /// Its address.
        server: String,
        /// What the database has.
        found: String,
        /// What the settings say.
        expected: u16,
    },
}

impl From<PostgresError> for OpenError {
    fn from(failure: PostgresError) -> Self {
        Self::new(failure)
    }
}
