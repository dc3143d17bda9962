//! Why a database on PostgreSQL cannot be used.

use crate::open_error::OpenError;

/// Why a database on PostgreSQL could not be opened. `server` is its address without the password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL is malformed.
    #[error(
        "the database URL is malformed: {0}. Its form is postgres://user:password@host:5432/database"
    )]
    Url(String),
    /// The server rejects the connection.
    #[error(
        "the database {server} rejects the connection: {reason}. Check user, password and database in \
         DATABASE_URL"
    )]
    Refused {
        /// Address of the server.
        server: String,
        /// The server's message, such as that the password is wrong.
        reason: String,
    },
    /// The role lacks a privilege.
    #[error(
        "the role lacks a privilege on the database {server}: {reason}. Make it the owner of the tables, or grant the \
         privilege"
    )]
    NoRight {
        /// Address of the server.
        server: String,
        /// The server's message, which names what is denied.
        reason: String,
    },
    /// The server does not respond.
    #[error(
        "the database {server} cannot be reached: {reason}. Check DATABASE_URL, and that the server runs"
    )]
    Unreachable {
        /// Address of the server.
        server: String,
        /// The message of the system or the server.
        reason: String,
    },
    /// The database lacks what this node has seen in it, and has begun a new generation.
    #[error(
        "the database {server} went backwards, and began a new generation; this node starts over with what it has"
    )]
    History {
        /// Address of the server.
        server: String,
    },
    /// The server was reached, but something in the database could not be read.
    #[error("the database {server} cannot be read: {reason}")]
    Unreadable {
        /// Address of the server.
        server: String,
        /// What could not be read, or the server's message.
        reason: String,
    },
    /// The server is older than PostgreSQL 15.
    #[error("the database {server} is PostgreSQL {found}; fritzy needs 15 or newer")]
    OldServer {
        /// Address of the server.
        server: String,
        /// Its version, by the setting `server_version`.
        found: String,
    },
    /// The server acknowledges commits before they are synced.
    #[error(
        "the database {server} may lose acknowledged commits: {setting} is {found}. Set it to on, or \
         accept the loss with --database-unsafe"
    )]
    NotDurable {
        /// Address of the server.
        server: String,
        /// Name of the server's setting.
        setting: &'static str,
        /// Value of the setting.
        found: String,
    },
    /// The database is not encoded in UTF-8.
    #[error("the database {server} is encoded in {found}. Create one with ENCODING 'UTF8'")]
    Encoding {
        /// Address of the server.
        server: String,
        /// Encoding of the database.
        found: String,
    },
    /// The server is a standby, which rejects writes.
    #[error(
        "the database {server} is a standby, which rejects writes. Name the primary in DATABASE_URL, or all servers with \
         target_session_attrs=read-write"
    )]
    Standby {
        /// Address of the server.
        server: String,
    },
    /// A pooler gives the same session of the server to several connections.
    #[error(
        "a connection pooler such as PgBouncer at {server} does not keep a session for each connection: {reason}. Set \
         pool_mode = session for this database and user, or name the server itself in DATABASE_URL"
    )]
    SharedSessions {
        /// Address of the pooler.
        server: String,
        /// What was found, as a clause.
        reason: String,
    },
    /// Another node uses the database.
    #[error(
        "the database {server} is in use by another node ({holder}). Stop it, or name another database"
    )]
    InUse {
        /// Address of the server.
        server: String,
        /// Where that node's connection is from, and since when.
        holder: String,
    },
    /// The nodes of a cluster use the database, and this node is not in a cluster.
    #[error(
        "the database {server} is in use by the nodes of a cluster (one is {holder}). Give this node the settings of the \
         cluster, stop them, or name another database"
    )]
    InUseByCluster {
        /// Address of the server.
        server: String,
        /// Where the connection of one of them is from, and since when.
        holder: String,
    },
    /// A node without a cluster uses the database, and this node is in a cluster.
    #[error(
        "the database {server} is in use by a node without a cluster ({holder}). Stop it and give it the settings of the \
         cluster, or name another database"
    )]
    InUseAlone {
        /// Address of the server.
        server: String,
        /// Where that node's connection is from, and since when.
        holder: String,
    },
    /// The database was not created by fritzy.
    #[error("{server} is not a database of fritzy. Name one in DATABASE_URL")]
    Foreign {
        /// Address of the server.
        server: String,
    },
    /// The schema holds foreign tables, and none of fritzy's.
    #[error(
        "the database {server} is not fritzy's: it holds {found}, and no tables of fritzy. Create an empty one (CREATE \
         DATABASE fritzy), and name it in DATABASE_URL"
    )]
    NotEmpty {
        /// Address of the server.
        server: String,
        /// One of the foreign tables and views.
        found: String,
    },
    /// A migration is missing.
    #[error(
        "the database {server} lacks step {step} of the schema. Run `fritzy migrate`, or start without --migrate off"
    )]
    SchemaBehind {
        /// Address of the server.
        server: String,
        /// The first missing migration.
        step: i64,
    },
    /// A migration requires a newer version.
    #[error(
        "the database {server} needs a version of fritzy that knows step {required} of its schema; this one knows \
         {known}. Start a newer version"
    )]
    SchemaAhead {
        /// Address of the server.
        server: String,
        /// The migration that a version must know.
        required: i64,
        /// The last migration that this version knows.
        known: i64,
    },
    /// A migration failed, or differs from this version's migration with the same number.
    #[error("the schema of the database {server} cannot be migrated: {reason}")]
    Migration {
        /// Address of the server.
        server: String,
        /// The message of sqlx's migrator.
        reason: String,
    },
    /// The database has another number of shards than the settings.
    #[error(
        "the database {server} was created with {found} shards, the settings say {expected}. The number is \
         fixed when a database is created: set it to {found}"
    )]
    OtherShardCount {
        /// Address of the server.
        server: String,
        /// Number of shards of the database.
        found: String,
        /// Number of shards in the settings.
        expected: u16,
    },
}

impl PostgresError {
    /// The reason in a list of several servers: without a remedy.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Unreachable { server, reason } | Self::Refused { server, reason } => {
                format!("{server}: {reason}")
            }
            Self::Standby { server } => format!("{server}: it is a standby"),
            other => other.to_string(),
        }
    }
}

impl From<PostgresError> for OpenError {
    fn from(failure: PostgresError) -> Self {
        Self::new(failure)
    }
}
