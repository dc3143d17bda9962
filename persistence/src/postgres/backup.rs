//! Dumps a database, with or without running nodes, into a file that is complete, checked and
//! synced.

use std::path::Path;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::client_tools::{ClientTools, Tool};
use super::contents::read_contents;
use super::error::PostgresError;
use super::schema::{check_ours, exists, pin_schema, unreachable};
use super::server::Server;
use crate::backups::{BackupError, DatabaseContents, NewFile, check_target};
use crate::open_error::OpenError;

/// Only for its owner: a backup has the data of all customers, and lies in a place of its own.
const MODE: u32 = 0o600;
/// Milliseconds that a dump waits for a table that a migration has locked.
const LOCK_WAIT_MS_MAX: &str = "--lock-wait-timeout=10000";

/// Dumps the database at `url` with `pg_dump`, in its custom format, into the file `target`: one
/// state of it, whatever nodes write meanwhile. The target appears complete, checked and synced, or
/// not at all. Returns what the dump has, and its size in bytes.
///
/// # Errors
/// [`BackupError`] when the server cannot be reached, when the programs of PostgreSQL are missing or
/// fail, and when the target cannot be written or exists without `overwrite`.
pub fn backup_postgres<'a>(
    url: &'a str,
    target: &'a Path,
    overwrite: bool,
) -> BoxFuture<'a, Result<(DatabaseContents, u64), BackupError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(back_up(url, target, overwrite))
}

async fn back_up(
    url: &str,
    target: &Path,
    overwrite: bool,
) -> Result<(DatabaseContents, u64), BackupError> {
    let target = &*check_target(target, overwrite, None)?;
    let mut dump = ClientTools::new(url)
        .map_err(OpenError::from)?
        .connecting("pg_dump")?;
    let new = NewFile::beside(target, MODE).map_err(BackupError::io(target))?;
    let snapshot = Snapshot::take(url).await.map_err(OpenError::from)?;
    dump.command
        .args(["--format=custom", LOCK_WAIT_MS_MAX, "--schema"])
        .arg(&snapshot.schema)
        .args(["--snapshot", &snapshot.id, "--file"])
        .arg(new.path());
    dump.run().await?;
    let contents = snapshot.contents;
    let _ = snapshot.connection.close().await;
    read_through(new.path()).await?;
    // Without an await, so that a signal comes before it or after it.
    let bytes = new.place(overwrite).map_err(BackupError::io(target))?;
    Ok((contents, bytes))
}

/// Reads a dump once, completely.
pub(super) async fn read_through(dump: &Path) -> Result<(), BackupError> {
    let mut reading = Tool::new("pg_restore")?;
    reading.command.arg("--file=/dev/null").arg(dump);
    reading.run().await
}

/// One state of the database, as long as the connection is open.
struct Snapshot {
    connection: PgConnection,
    id: String,
    schema: String,
    contents: DatabaseContents,
}

impl Snapshot {
    async fn take(url: &str) -> Result<Self, PostgresError> {
        let server = Server::new(url, true)?;
        let failed = |failure: sqlx::Error| unreachable(&server, &failure);
        let session = server.options("fritzy backup");
        let mut connection = server.connect_first_to_read(&session).await?;
        let pinned = pin_schema(server.clone(), &mut connection).await?;
        check_ours(&pinned, &mut connection).await?;
        if !exists(&pinned, &mut connection, "journal").await? {
            return Err(PostgresError::Foreign {
                server: server.name(),
            });
        }
        // As long as the dump takes, and counting all events.
        let unlimited = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
            BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let begun = sqlx::raw_sql(unlimited).execute(&mut connection).await;
        begun.map_err(failed)?;
        let row = sqlx::query("SELECT pg_export_snapshot()")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        let id = row.try_get(0).map_err(failed)?;
        let contents = read_contents(&mut connection).await.map_err(failed)?;
        Ok(Self {
            connection,
            id,
            schema: pinned.schema().to_owned(),
            contents,
        })
    }
}
