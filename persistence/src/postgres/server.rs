//! Opens connections to the server, and checks on each that acknowledged commits are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tokio::time::timeout;
use tracing::{error, info};
use uuid::Uuid;

use super::connect_error::connect_error;
use super::continuity::{Continuity, STARTS_OVER};
use super::database_url::DatabaseUrl;
use super::error::PostgresError;
use super::hosts::Hosts;
use super::server_facts::ServerFacts;
use super::session::SessionConfig;

/// Time limit of opening a connection. A server that responds does so in milliseconds.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Time limit of proving that the database has what was seen in it, and of beginning a new
/// generation: its statements wait for batches in flight, for 2 s at most each.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// For committers and tails: rows are found by index, however few there are now. A plan made for an
/// empty table would scan all of it once it is full.
pub(super) const BY_KEYS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// Tells the trigger of `order_line` that the session writes that table itself.
const WRITES_ORDER_LINES: (&str, &str) = ("fritzy.writes_order_lines", "yes");

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

/// A server to connect to, or several of which one is in use. Clones share what is known about it.
#[derive(Clone)]
pub(super) struct Server {
    hosts: Arc<Hosts>,
    allow_unsafe: bool,
    /// The schema that every connection has as its search path.
    schema: Option<String>,
    /// Identifies the database that was opened: another one at the same address has another id.
    database: Option<String>,
    /// What this node has seen in the database; `None` for a program that only looks at it once.
    continuity: Option<Continuity>,
    /// Whether the server's settings, changed since the start, let it lose acknowledged commits.
    unsafe_now: Arc<AtomicBool>,
    /// Marks the sessions of this process.
    process: Uuid,
}

impl Server {
    pub(super) fn new(url: &str, allow_unsafe: bool) -> Result<Self, PostgresError> {
        let url = url.parse::<DatabaseUrl>().map_err(PostgresError::Url)?;
        Ok(Self {
            hosts: Arc::new(Hosts::new(&url)),
            allow_unsafe,
            schema: None,
            database: None,
            continuity: None,
            unsafe_now: Arc::default(),
            process: Uuid::new_v4(),
        })
    }

    /// Whether open connections must not be used for writing: the server's settings have become
    /// unsafe.
    pub(super) fn is_unsafe_now(&self) -> bool {
        self.unsafe_now.load(Ordering::Relaxed)
    }

    /// Reads the settings that durability depends on again (invariant I1): a reload changes them
    /// without a restart. Returns the mark of the session.
    pub(super) async fn check_durability(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<String>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),
                current_setting('fritzy.session', true)",
        )
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
        row.try_get(2)
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
        self.hosts.name()
    }

    /// The servers of its URL.
    pub(super) fn hosts(&self) -> &Arc<Hosts> {
        &self.hosts
    }

    /// The settings of a connection that the server lists under `name`.
    pub(super) fn options(&self, name: &'static str) -> SessionConfig {
        let session = SessionConfig::new(name).marked(self.process);
        match &self.schema {
            Some(schema) => session.with("search_path", schema),
            None => session,
        }
    }

    /// Opens a connection for a committer.
    pub(super) async fn committer(&self) -> Result<Session, PostgresError> {
        let options = self
            .options("fritzy committer")
            .options(BY_KEYS)
            .options([WRITES_ORDER_LINES]);
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

    /// Opens a connection that may write, to the first server that is in the required state. Checks
    /// what durability depends on (invariant I1): a server can be restarted with other settings.
    pub(super) async fn connect(
        &self,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let servers = self.hosts.servers();
        let mut failures = Vec::new();
        for (at, server) in servers.iter().enumerate() {
            match self.connect_to(server, session).await {
                Ok(connection) => {
                    self.hosts.set_found(at);
                    return Ok(connection);
                }
                Err(failure) if servers.len() == 1 || !self.may_try_next(&failure) => {
                    return Err(failure);
                }
                Err(failure) => failures.push(failure),
            }
        }
        let are_refused =
            |failure: &PostgresError| matches!(failure, PostgresError::Refused { .. });
        if failures.iter().all(are_refused) {
            return Err(failures.remove(0));
        }
        let reasons: Vec<String> = failures.iter().map(PostgresError::short).collect();
        Err(PostgresError::Unreachable {
            server: self.name(),
            reason: reasons.join("; "),
        })
    }

    /// Whether another server of the URL may be in a better state. Without a required state, the
    /// first one that responds counts, as in libpq.
    fn may_try_next(&self, failure: &PostgresError) -> bool {
        match failure {
            PostgresError::Unreachable { .. } | PostgresError::Refused { .. } => true,
            PostgresError::Standby { .. } => self.hosts.requires_state(),
            _ => false,
        }
    }

    async fn connect_to(
        &self,
        at: &PgConnectOptions,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let server = Hosts::name_of(at);
        let options = at.clone().application_name(session.name());
        let opening = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let unfit = self.hosts.unfit(&mut connection).await?;
            let facts = ServerFacts::read(&mut connection).await?;
            session.apply(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, unfit, facts))
        };
        let unreachable = |reason: String| PostgresError::Unreachable {
            server: server.clone(),
            reason,
        };
        let opened = timeout(CONNECT_MAX, opening).await;
        let opened = opened.map_err(|_| unreachable("it does not respond".into()))?;
        let (mut connection, unfit, facts) =
            opened.map_err(|failure| connect_error(server.clone(), &failure))?;
        match unfit {
            Some(_) if facts.is_standby => return Err(PostgresError::Standby { server }),
            Some(reason) => return Err(unreachable(reason.into())),
            None => facts.check(server.clone(), self.allow_unsafe)?,
        }
        let checked = timeout(CHECK_MAX, self.check_history(&mut connection)).await;
        match checked {
            Ok(Ok(None)) => Ok(connection),
            Ok(Ok(Some(STARTS_OVER))) => Err(PostgresError::History { server }),
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
