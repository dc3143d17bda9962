//! Opens connections to the server, and checks on each that acknowledged commits are durable.

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

use super::continuity::{Continuity, STARTS_OVER};
use super::error::PostgresError;
use super::server_facts::ServerFacts;
use crate::backoff;

/// Time limit of opening a connection. A server that responds does so in milliseconds.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Time limit of proving that the database has what was seen in it, and of beginning a new
/// generation: its statements wait for batches in flight, for 2 s at most each.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// Limits that the server enforces, in milliseconds. A node that is stopped or cut off must not
/// hold locks that others wait for, and a statement must end before its caller has given up.
const LIMITS: [(&str, &str); 8] = [
    // A batch takes some milliseconds, a list some more; requests wait for 10 s.
    ("statement_timeout", "5000"),
    // A claim waits for a batch, and a batch for a claim; neither takes longer.
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "2000"),
    // A peer that disappears is noticed within some 5 s (probes after 2 s, each second, 3 times).
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    // The database may have another default; batches depend on this level.
    ("default_transaction_isolation", "read committed"),
];

/// For committers: rows are found by index, however few there are now. A plan made for an empty
/// table would scan all of it once it is full.
const BY_KEYS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The schema of fritzy's tables, quoted for a search path: the first schema that has them, or the
/// one where new tables would be created.
const SCHEMA: &str = "
    SELECT quote_ident(coalesce(
        (SELECT nspname FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, nr)
            JOIN pg_namespace ON nspname = name
            WHERE (SELECT count(*) FROM pg_class WHERE relnamespace = pg_namespace.oid AND relkind IN ('r', 'p')
                AND relname IN ('meta', 'journal', 'shard', '_sqlx_migrations')) = 4
            ORDER BY nr LIMIT 1),
        current_schema()))";

/// The reason of failures on another database.
pub(super) const REPLACED: &str =
    "the database has been replaced since this node started; restart the node";

/// A committer's connection, with the server's process behind it.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    pub(super) backend: Backend,
    /// How often all connections had been given up when it was opened.
    pub(super) severed: u64,
}

/// The server's process of a connection; its start time distinguishes it from a later process with
/// the same number.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) pid: i32,
    pub(super) started: String,
}

/// A server to connect to. Clones share what is known about its durability.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
    allow_unsafe: bool,
    /// The schema that every connection has as its search path.
    schema: Option<String>,
    /// Identifies the database that was opened: another one at the same address has another id.
    database: Option<String>,
    /// What this node has seen in the database; `None` for a program that only looks at it once.
    continuity: Option<Continuity>,
    /// Whether the server's settings, changed since the start, let it lose acknowledged commits.
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
            database: None,
            continuity: None,
            unsafe_now: Arc::default(),
        })
    }

    /// Whether open connections must not be used for writing: the server's settings have become
    /// unsafe.
    pub(super) fn is_unsafe_now(&self) -> bool {
        self.unsafe_now.load(Ordering::Relaxed)
    }

    /// Reads the settings that durability depends on again (invariant I1): a reload changes them
    /// without a restart.
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

    /// The same server, with every connection bound to the schema that `connection` finds, whatever
    /// schemas are added to the search path later. Otherwise all data would seem to be gone, and
    /// new tables would be created beside it.
    pub(super) async fn pin_schema(
        self,
        connection: &mut PgConnection,
    ) -> Result<Self, sqlx::Error> {
        let found = sqlx::query(SCHEMA).fetch_one(&mut *connection).await?;
        // Without any schema, the migration fails with the server's message.
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

    /// The schema of its tables, quoted for a search path.
    pub(super) fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or_default()
    }

    /// The same server, with the schema of `other`.
    pub(super) fn with_schema_of(self, other: &Self) -> Self {
        match &other.schema {
            Some(schema) => self.with_schema(schema.clone()),
            None => self,
        }
    }

    /// The same server, which rejects other databases, and a database that lacks what was seen in
    /// it.
    pub(super) fn with_database(mut self, id: String, continuity: Continuity) -> Self {
        self.database = Some(id);
        self.continuity = Some(continuity);
        self
    }

    /// The id of the opened database, empty if none is required.
    pub(super) fn database(&self) -> &str {
        self.database.as_deref().unwrap_or_default()
    }

    /// What was seen in the database. A replica has none: it is compared with the primary at each
    /// poll.
    pub(super) fn continuity(&self) -> Option<&Continuity> {
        self.continuity.as_ref()
    }

    /// How often all connections were given up, to be remembered with a new one.
    pub(super) fn severed(&self) -> u64 {
        self.continuity.as_ref().map_or(0, Continuity::severed)
    }

    /// Gives up all connections: another server has the address.
    pub(super) fn sever(&self) {
        if let Some(continuity) = &self.continuity {
            continuity.sever();
        }
    }

    /// Returns when the connections of `count` were given up.
    pub(super) async fn severed_since(&self, count: u64) {
        match &self.continuity {
            Some(continuity) => continuity.severed_since(count).await,
            None => std::future::pending().await,
        }
    }

    /// Address of the server without credentials, for messages.
    pub(super) fn name(&self) -> String {
        let options = &self.options;
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        format!("{}:{}/{database}", options.get_host(), options.get_port())
    }

    /// Options of a connection that the server lists under `name`.
    pub(super) fn options(&self, name: &str) -> PgConnectOptions {
        self.options.clone().application_name(name)
    }

    /// Opens a connection for a committer.
    pub(super) async fn committer(&self) -> Result<Session, PostgresError> {
        let options = self.options("fritzy committer").options(BY_KEYS);
        let severed = self.severed();
        let mut connection = self.connect(&options).await?;
        let backend = backend(&mut connection).await;
        let backend = backend.map_err(|failure| PostgresError::Unreachable {
            server: self.name(),
            reason: failure.to_string(),
        })?;
        Ok(Session {
            connection,
            backend,
            severed,
        })
    }

    /// Connects; retries for `wait` while the server is unreachable.
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

    /// The error of a connection that was not opened. A server that states a reason keeps to it,
    /// unless it is starting, stopping or has no connections left.
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

    /// Opens a connection that may write, and checks what durability depends on (invariant I1): a
    /// server can be restarted with other settings.
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
        let checked = timeout(CHECK_MAX, self.check_history(&mut connection)).await;
        match checked {
            Ok(Ok(None)) => Ok(connection),
            Ok(Ok(Some(STARTS_OVER))) => Err(PostgresError::History {
                server: self.name(),
            }),
            Ok(Ok(Some(reason))) => Err(unreachable(reason.to_owned())),
            Ok(Err(failure)) => Err(unreachable(failure.to_string())),
            Err(_) => Err(unreachable("it does not respond".into())),
        }
    }

    /// Why the database is not used: it is another one, or lacks what was seen in it. `None` if it
    /// is used.
    pub(super) async fn check_history(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<&'static str>, sqlx::Error> {
        let (Some(database), Some(continuity)) = (&self.database, &self.continuity) else {
            return Ok(None);
        };
        if database_id(connection).await?.as_ref() != Some(database) {
            return Ok(Some(REPLACED));
        }
        let is_sound = continuity.is_sound(connection).await?;
        Ok((!is_sound).then_some(STARTS_OVER))
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

/// The id of the database behind `connection`. Its row is named for the generation, which it was
/// before a database could have several.
pub(super) async fn database_id(
    connection: &mut PgConnection,
) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'generation'")
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}
