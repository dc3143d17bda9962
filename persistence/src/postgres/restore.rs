//! Puts a dump in the place of a database, as a new generation of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::backup::read_through;
use super::client_tools::{ClientTools, Tool};
use super::contents::{missing, read_contents, read_heads};
use super::database_lock::lock_alone;
use super::error::PostgresError;
use super::generations::{Begun, FIRST, begin, newest};
use super::schema::{
    check_ours, check_required, check_usable, exists, migrate, pin_schema, unreachable,
};
use super::server::Server;
use crate::backups::{BackupError, DatabaseContents, Replaced, RestoreReport};
use crate::continuity::{Cause, GenerationId, KnownHead, LostRange};
use crate::open_error::OpenError;

/// Every table of every version. A table in parts cannot be dropped by `pg_restore --clean`, which
/// would drop its inherited keys one by one.
const TABLES: [&str; 14] = [
    "_sqlx_migrations",
    "account",
    "cluster_version",
    "customer_order",
    "generation",
    "generation_shard",
    "journal",
    "meta",
    "node",
    "order_line",
    "product",
    "projection_cursor",
    "shard",
    "topic_binding",
];

/// Every function of every version. The triggers that call them go with their tables.
const FUNCTIONS: [&str; 1] = ["add_order_lines"];

/// Before the tables are dropped. Statements of nodes take 5 s at most, and their batches less.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '60s'";

/// What to restore, and where.
#[derive(Clone, Debug)]
pub struct PostgresRestore {
    /// Address of the database.
    pub url: String,
    /// The file of the dump.
    pub backup: PathBuf,
    /// Whether a database of Fritzy that is there may be replaced.
    pub replace: bool,
    /// Whether nodes may run meanwhile: they notice, and start over.
    pub while_nodes_run: bool,
    /// Whether to accept a server that may lose acknowledged commits.
    pub allow_unsafe: bool,
}

/// Restores a dump into an empty database, or in the place of one of Fritzy, in one transaction,
/// and begins a new generation. Nodes are locked out meanwhile.
///
/// # Errors
/// [`BackupError`] when nodes run, when the database is another program's, when the dump is damaged
/// or foreign, and when a program fails. The database is unchanged then, unless the text says so.
pub fn restore_postgres(
    config: &PostgresRestore,
) -> BoxFuture<'_, Result<RestoreReport, BackupError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(restore(config))
}

/// Begins a new generation in a database that was restored by other means. No node may run on it.
/// Returns what it has.
///
/// # Errors
/// [`BackupError`] when the server cannot be reached, and when nodes run.
pub fn raise_postgres_generation(
    url: &str,
    allow_unsafe: bool,
) -> BoxFuture<'_, Result<DatabaseContents, BackupError>> {
    Box::pin(async move {
        let target = Target::open(url, allow_unsafe, false).await?;
        let Target {
            server,
            mut connection,
        } = target;
        check_usable(&server, &mut connection)
            .await
            .map_err(OpenError::from)?;
        let (contents, _) = begin_generation(&server, &mut connection, None).await?;
        let _ = connection.close().await;
        Ok(contents)
    })
}

/// The database that is restored into, locked.
struct Target {
    server: Server,
    connection: PgConnection,
}

impl Target {
    async fn open(
        url: &str,
        allow_unsafe: bool,
        while_nodes_run: bool,
    ) -> Result<Self, BackupError> {
        let opening = async {
            let server = Server::new(url, allow_unsafe)?;
            // A pooler that shares sessions would keep the lock, and give it to others.
            let session = server.options("fritzy restore");
            let first = server.connect_first(Duration::ZERO, &session).await?;
            let mut connection = match while_nodes_run {
                true => first,
                false => {
                    let _ = first.close().await;
                    lock_alone(&server).await?
                }
            };
            let server = pin_schema(server, &mut connection).await?;
            // As long as counting all events takes, and waiting for the programs.
            let unlimited = "SET statement_timeout = 0; SET lock_timeout = 0";
            let set = sqlx::raw_sql(unlimited).execute(&mut connection).await;
            set.map_err(|failure| unreachable(&server, &failure))?;
            Ok::<_, PostgresError>(Self { server, connection })
        };
        Ok(opening.await.map_err(OpenError::from)?)
    }
}

/// What the database that is to be replaced has.
struct Old {
    contents: DatabaseContents,
    generation: Option<GenerationId>,
    heads: Vec<KnownHead>,
}

async fn restore(config: &PostgresRestore) -> Result<RestoreReport, BackupError> {
    let tools = ClientTools::new(&config.url).map_err(OpenError::from)?;
    let psql = tools.connecting("psql")?;
    read_through(&config.backup).await?;
    let mut listing = Tool::new("pg_restore")?;
    listing.command.arg("--list").arg(&config.backup);
    let listed = listing.output().await?;
    let target = Target::open(&config.url, config.allow_unsafe, config.while_nodes_run).await?;
    let Target {
        server,
        mut connection,
    } = target;
    check_dump(&listed, server.schema(), &config.backup)?;
    check_version(&server, &config.backup).await?;
    let old = read_old(&server, &mut connection).await?;
    if let Some(old) = &old
        && !config.replace
    {
        return Err(BackupError::NeedsReplace {
            server: server.name(),
            events: old.contents.events,
        });
    }
    run_programs(psql, &server, &config.backup).await?;
    let after = async {
        let migrated = migrate(&server, &mut connection).await;
        migrated.map_err(OpenError::from)?;
        begin_generation(&server, &mut connection, old.as_ref()).await
    };
    let (contents, lost) = after.await.map_err(|failure| BackupError::NotRaised {
        reason: failure.to_string(),
    })?;
    // Nodes may connect from here on.
    let _ = connection.close().await;
    let replaced = match old {
        None => Replaced::Nothing,
        Some(old) => Replaced::Database {
            contents: old.contents,
            lost,
            kept_as: None,
        },
    };
    Ok(RestoreReport { contents, replaced })
}

/// Refuses a dump that lacks Fritzy's tables in this schema.
fn check_dump(listed: &str, schema: &str, dump: &Path) -> Result<(), BackupError> {
    let schema = schema.trim_matches('"');
    let has = |table: &str| {
        let entry = format!(" TABLE {schema} {table} ");
        listed.lines().any(|line| line.contains(&entry))
    };
    if ["meta", "journal", "shard", "_sqlx_migrations"]
        .into_iter()
        .all(has)
    {
        return Ok(());
    }
    Err(BackupError::Damaged {
        backup: dump.display().to_string(),
        reason: format!("it has no tables of fritzy in the schema {schema}"),
    })
}

/// Refuses a dump that needs a newer version.
async fn check_version(server: &Server, dump: &Path) -> Result<(), BackupError> {
    let mut reading = Tool::new("pg_restore")?;
    reading
        .command
        .args(["--data-only", "--table=meta", "--file=-"])
        .arg(dump);
    let rows = reading.output().await?;
    // A row of two columns, as COPY has it.
    let mut rows = rows.lines().filter_map(|row| row.split_once('\t'));
    let Some((_, required)) = rows.find(|(name, _)| *name == "schema_required") else {
        return Ok(());
    };
    let required: i64 = required.parse().map_err(|_| BackupError::Damaged {
        backup: dump.display().to_string(),
        reason: format!("schema_required in its table meta is `{required}`"),
    })?;
    let ahead = check_required(server, required);
    Ok(ahead.map_err(OpenError::from)?)
}

/// What is there; `None` if the schema is empty.
async fn read_old(
    server: &Server,
    connection: &mut PgConnection,
) -> Result<Option<Old>, BackupError> {
    let reading = async {
        check_ours(server, connection).await?;
        if !exists(server, connection, "journal").await? {
            return Ok(None);
        }
        let read = async {
            let contents = read_contents(connection).await?;
            let generation = match contents.generation {
                1 => None,
                _ => Some(newest(connection).await?),
            };
            let heads = read_heads(connection).await?;
            Ok::<_, sqlx::Error>(Old {
                contents,
                generation,
                heads,
            })
        };
        let read = read.await;
        read.map(Some)
            .map_err(|failure| unreachable(server, &failure))
    };
    Ok(reading.await.map_err(OpenError::from)?)
}

/// Drops tables and functions, and restores the dump, in one transaction: it commits only once the dump was
/// read to its end.
async fn run_programs(psql: Tool, server: &Server, dump: &Path) -> Result<(), BackupError> {
    let schema = server.schema();
    let mut source = Tool::new("pg_restore")?;
    source
        .command
        .args(["--file=-", "--no-owner", "--no-privileges", "--schema"])
        .arg(schema.trim_matches('"'))
        .arg(dump);
    let mut psql = psql;
    psql.command
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    let tables = TABLES.map(|table| format!("{schema}.{table}"));
    let functions = FUNCTIONS.map(|function| format!("{schema}.{function}()"));
    let begin = format!(
        "BEGIN;\nSET client_min_messages = warning;\n{LOCK_TIMEOUT};\n\
         DROP TABLE IF EXISTS {};\nDROP FUNCTION IF EXISTS {};\n",
        tables.join(", "),
        functions.join(", ")
    );
    source.feed(psql, begin, "\nCOMMIT;\n").await
}

/// Begins a new generation. Returns what the database has, and what of `old` it lacks.
async fn begin_generation(
    server: &Server,
    connection: &mut PgConnection,
    old: Option<&Old>,
) -> Result<(DatabaseContents, Vec<LostRange>), BackupError> {
    let beginning = async {
        sqlx::query(FIRST).execute(&mut *connection).await?;
        let contents = read_contents(connection).await?;
        let heads = old.map_or(&[][..], |old| &old.heads);
        let missing = missing(connection, heads).await?;
        loop {
            let found = newest(connection).await?;
            let known = old.and_then(|old| old.generation).unwrap_or(found);
            // `None`: a running node has begun one meanwhile.
            if let Some(Begun { generation, lost }) =
                begin(connection, found, known, &missing, Cause::Restored).await?
            {
                let contents = DatabaseContents {
                    generation: generation.number,
                    ..contents
                };
                return Ok((contents, lost));
            }
        }
    };
    let begun: Result<_, sqlx::Error> = beginning.await;
    Ok(begun.map_err(|failure| OpenError::from(unreachable(server, &failure)))?)
}
