//! Opening a connection to the server, and making sure on each that what is acknowledged will be there.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::Retryable;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use super::error::PostgresError;
use crate::backoff;

/// Opening a connection at most. A server that answers does so in milliseconds.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The oldest server that this was tried with, as `server_version_num` has it.
const VERSION_MIN: i32 = 150_000;

/// Limits that the server keeps for us, in milliseconds. A node that is stopped or cut off must not hold
/// what others wait for, and a statement must end before whoever waits for it has given up.
const LIMITS: [(&str, &str); 8] = [
    // A batch takes some milliseconds, a list some more; requests wait for 10 s.
    ("statement_timeout", "5000"),
    // A claim waits for a batch, and a batch for a claim; neither takes longer.
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "2000"),
    // A peer that is gone without a word is noticed in some 5 s (probing after 2 s, each second, 3 times).
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    // Somebody may have set another default for the database; batches rest on this level.
    ("default_transaction_isolation", "read committed"),
];

/// For committers: rows are found by their keys, however few there are now. A plan made for an empty table
/// would read all of it once it is full.
const BY_KEYS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The schema of our tables, as a search path: the first that has them, or where new ones would go.
const SCHEMA: &str = "
    SELECT quote_ident(coalesce(
        (SELECT nspname FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, nr)
            JOIN pg_namespace ON nspname = name
            WHERE (SELECT count(*) FROM pg_class WHERE relnamespace = pg_namespace.oid AND relkind IN ('r', 'p')
                AND relname IN ('meta', 'journal', 'shard', '_sqlx_migrations')) = 4
            ORDER BY nr LIMIT 1),
        current_schema()))";

/// What is said of a database of another generation.
pub(super) const REPLACED: &str =
    "the database has been replaced since this node started; restart the node";

/// A committer's connection.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    pub(super) backend: Backend,
}

/// The server's process behind a connection, told apart from a later one with the same number.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) pid: i32,
    pub(super) started: String,
}

/// A server to connect to.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
    allow_unsafe: bool,
    /// The search path of every connection.
    schema: Option<String>,
    /// The generation of the database that was opened; another one under the same address is another
    /// database, or this one before it was restored.
    generation: Option<String>,
    /// Whether the server has been found to lose what it acknowledges, since it was connected to.
    unsafe_now: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn new(url: &str, allow_unsafe: bool) -> Result<Self, PostgresError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|failure| PostgresError::Url(failure.to_string()))?;
        Ok(Self {
            options: options.options(LIMITS),
            allow_unsafe,
            schema: None,
            generation: None,
            unsafe_now: Arc::default(),
        })
    }

    /// Whether connections that stand must not be written with: the settings were changed under them.
    pub(super) fn is_unsafe_now(&self) -> bool {
        self.unsafe_now.load(Ordering::Relaxed)
    }

    /// Looks at what durability rests on again (invariant I1): a reload changes it without a restart.
    pub(super) async fn check_durability(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let row =
            sqlx::query("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
                .fetch_one(connection)
                .await?;
        let (fsync, synchronous): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let is_unsafe = !self.allow_unsafe && [&fsync, &synchronous].contains(&&"off".to_owned());
        if self.unsafe_now.swap(is_unsafe, Ordering::Relaxed) != is_unsafe {
            let server = self.name();
            if is_unsafe {
                error!(%server, fsync, synchronous_commit = synchronous, "the database may lose acknowledged commits; nothing is written until its settings are corrected");
            } else {
                info!(%server, "the database makes acknowledged commits durable again");
            }
        }
        Ok(())
    }

    /// The same server, whose every connection means the tables that `connection` finds, whatever schemas are put before
    /// theirs in the search path later: the shop would be gone without a word, and an empty one in its place.
    pub(super) async fn pin_schema(
        self,
        connection: &mut PgConnection,
    ) -> Result<Self, sqlx::Error> {
        let found = sqlx::query(SCHEMA).fetch_one(&mut *connection).await?;
        // Without any schema, whoever wants to make a table is told so.
        let Some(schema) = found.try_get::<Option<String>, _>(0)? else {
            return Ok(self);
        };
        sqlx::query("SELECT set_config('search_path', $1, false)")
            .bind(&schema)
            .execute(connection)
            .await?;
        Ok(self.with_schema(schema))
    }

    fn with_schema(mut self, schema: String) -> Self {
        self.options = self.options.options([("search_path", &schema)]);
        self.schema = Some(schema);
        self
    }

    /// The schema of its tables, as it stands in a search path.
    pub(super) fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or_default()
    }

    /// The same server, whose tables are where those of `other` are.
    pub(super) fn with_schema_of(self, other: &Self) -> Self {
        match &other.schema {
            Some(schema) => self.with_schema(schema.clone()),
            None => self,
        }
    }

    /// The same server, of which only the database of this generation will do.
    pub(super) fn with_generation(mut self, generation: String) -> Self {
        self.generation = Some(generation);
        self
    }

    /// The generation of the database that must be found there.
    pub(super) fn generation(&self) -> &str {
        self.generation.as_deref().unwrap_or_default()
    }

    /// The same where there is one: a replica has none, it is compared with the primary all the time.
    pub(super) fn expected_generation(&self) -> Option<String> {
        self.generation.clone()
    }

    /// Its address as people may see it.
    pub(super) fn name(&self) -> String {
        let options = &self.options;
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        format!("{}:{}/{database}", options.get_host(), options.get_port())
    }

    /// Settings of a connection that the server will list under `name`.
    pub(super) fn options(&self, name: &str) -> PgConnectOptions {
        self.options.clone().application_name(name)
    }

    /// A connection for a committer.
    pub(super) async fn committer(&self) -> Result<Session, PostgresError> {
        let options = self.options("fritzy committer").options(BY_KEYS);
        let mut connection = self.connect(&options).await?;
        let backend = backend(&mut connection).await;
        let backend = backend.map_err(|failure| PostgresError::Unreachable {
            server: self.name(),
            reason: failure.to_string(),
        })?;
        Ok(Session {
            connection,
            backend,
        })
    }

    /// Waits for so long until the server answers.
    pub(super) async fn connect_within(
        &self,
        wait: Duration,
        options: &PgConnectOptions,
    ) -> Result<PgConnection, PostgresError> {
        let until = Instant::now() + wait;
        let in_time = move |delay: &Duration| Instant::now() + *delay < until;
        (|| self.connect(options))
            .retry(backoff::full_jitter().take_while(in_time))
            .when(|failure| matches!(failure, PostgresError::Unreachable { .. }))
            .notify(|failure, _| warn!(%failure, "waiting for the database"))
            .await
    }

    /// Why a connection was not opened. A server that says why does not change its mind soon, unless it is
    /// starting, stopping or full.
    fn connect_error(&self, failure: &sqlx::Error) -> PostgresError {
        let (server, reason) = (self.name(), failure.to_string());
        let code = failure.as_database_error().and_then(DatabaseError::code);
        let transient = ["57P", "53"];
        match code {
            Some(code) if !transient.iter().any(|prefix| code.starts_with(prefix)) => {
                PostgresError::Refused { server, reason }
            }
            _ => PostgresError::Unreachable { server, reason },
        }
    }

    /// Opens a connection that may write, and checks what durability depends on (invariant I1): a server can be
    /// restarted with other settings.
    pub(super) async fn connect(
        &self,
        options: &PgConnectOptions,
    ) -> Result<PgConnection, PostgresError> {
        let opening = async {
            let mut connection = PgConnection::connect_with(options).await?;
            let facts = ServerFacts::read(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, facts))
        };
        let unreachable = |reason: String| PostgresError::Unreachable {
            server: self.name(),
            reason,
        };
        let opened = timeout(CONNECT_MAX, opening).await;
        let opened = opened.map_err(|_| unreachable("it does not respond".into()))?;
        let (mut connection, facts) = opened.map_err(|failure| self.connect_error(&failure))?;
        facts.check(self.name(), self.allow_unsafe)?;
        if let Some(expected) = &self.generation {
            let found = generation(&mut connection).await;
            let found = found.map_err(|failure| unreachable(failure.to_string()))?;
            if found.as_ref() != Some(expected) {
                return Err(unreachable(REPLACED.into()));
            }
        }
        Ok(connection)
    }
}

/// What a server says about itself at the beginning of a connection.
struct ServerFacts {
    /// `server_version_num`.
    number: i32,
    version: String,
    fsync: String,
    synchronous_commit: String,
    is_standby: bool,
    encoding: String,
}

impl ServerFacts {
    async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(),
                current_setting('server_encoding')",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self {
            number: row.try_get(0)?,
            version: row.try_get(1)?,
            fsync: row.try_get(2)?,
            synchronous_commit: row.try_get(3)?,
            is_standby: row.try_get(4)?,
            encoding: row.try_get(5)?,
        })
    }

    /// Whether a node can use the server called `server`.
    fn check(self, server: String, allow_unsafe: bool) -> Result<(), PostgresError> {
        if self.number < VERSION_MIN {
            let found = self.version;
            return Err(PostgresError::OldServer { server, found });
        }
        if self.encoding != "UTF8" {
            let found = self.encoding;
            return Err(PostgresError::Encoding { server, found });
        }
        if self.is_standby {
            return Err(PostgresError::Standby { server });
        }
        let durability = [
            ("fsync", self.fsync),
            ("synchronous_commit", self.synchronous_commit),
        ];
        for (setting, found) in durability {
            if found == "off" && !allow_unsafe {
                return Err(PostgresError::NotDurable {
                    server,
                    setting,
                    found,
                });
            }
        }
        Ok(())
    }
}

async fn backend(connection: &mut PgConnection) -> Result<Backend, sqlx::Error> {
    let row = sqlx::query(
        "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    )
    .fetch_one(connection)
    .await?;
    Ok(Backend {
        pid: row.try_get(0)?,
        started: row.try_get(1)?,
    })
}

/// The generation of the database behind `connection`.
pub(super) async fn generation(
    connection: &mut PgConnection,
) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'generation'")
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}
