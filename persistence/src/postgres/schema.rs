//! Migrates the schema, and checks whether this version can use the schema it finds.
//!
//! Migrations only add (expand). One that removes something (contract) also raises
//! `schema_required` in the table `meta`, to the last migration that a program must know. So an
//! older version continues beside a newer one until the contracting migration, and is rejected
//! after it.

use sqlx::Row;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnection, PgRow};

use super::config::PostgresConfig;
use super::error::PostgresError;
use super::migrations::MIGRATIONS;
use super::read_pool::READER;
use super::server::Server;

/// Migrates the schema of the database at `config.url`. Returns the migrations it has applied.
/// Several processes may call this at once: the server serializes them.
///
/// # Errors
/// [`PostgresError`] when the server cannot be used, when the schema is not fritzy's or of a newer
/// version, or when a migration fails.
pub async fn migrate_postgres(config: &PostgresConfig) -> Result<Vec<i64>, PostgresError> {
    let server = Server::new(&config.url, config.allow_unsafe)?;
    let migrating = server.options("fritzy migrate");
    let mut connection = server.connect_first(config.wait, &migrating).await?;
    let server = pin_schema(server, &mut connection).await?;
    migrate(&server, &mut connection).await
}

/// As [`Server::pin_schema`], with an error that names the server.
pub(super) async fn pin_schema(
    server: Server,
    connection: &mut PgConnection,
) -> Result<Server, PostgresError> {
    let found = server.clone().pin_schema(connection).await;
    found.map_err(|failure| unreachable(&server, &failure))
}

/// Applies the missing migrations, and returns them.
pub(super) async fn migrate(
    server: &Server,
    connection: &mut PgConnection,
) -> Result<Vec<i64>, PostgresError> {
    // Creating an index on a large table takes longer than a request's statement may, and so does
    // waiting for another node that migrates.
    let unlimited = "SET statement_timeout = 0; SET lock_timeout = 0";
    let failed = |failure: MigrateError| PostgresError::Migration {
        server: server.name(),
        reason: failure.to_string(),
    };
    let done = sqlx::raw_sql(unlimited).execute(&mut *connection).await;
    done.map_err(|failure| unreachable(server, &failure))?;
    check_ours(server, connection).await?;
    check_known(server, connection).await?;
    let before = applied(server, connection).await?;
    let migrated = MIGRATIONS.run_direct(None, &mut *connection, false).await;
    migrated.map_err(failed)?;
    let mut steps = applied(server, connection).await?;
    steps.retain(|step| !before.contains(step));
    if !steps.is_empty() && !before.is_empty() {
        let ended = sqlx::query(END_READERS)
            .bind(READER)
            .execute(connection)
            .await;
        ended.map_err(|failure| unreachable(server, &failure))?;
    }
    Ok(steps)
}

/// Ends the sessions in which running nodes read, also those of the last release. A prepared
/// `SELECT *` fails from the time that its table has another column, for as long as its session
/// lasts. Nodes read again on new sessions.
const END_READERS: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = $1";

/// Checks that every known migration was applied, and that none requires a newer version.
pub(super) async fn check_usable(
    server: &Server,
    connection: &mut PgConnection,
) -> Result<(), PostgresError> {
    check_known(server, connection).await?;
    let applied = applied(server, connection).await?;
    match MIGRATIONS
        .iter()
        .find(|step| !applied.contains(&step.version))
    {
        None => Ok(()),
        Some(step) => Err(PostgresError::SchemaBehind {
            server: server.name(),
            step: step.version,
        }),
    }
}

/// One statement, so that it sees the first migration of another node completely or not at all.
/// Objects of extensions are left out.
const THEIRS: &str = "
    WITH here AS (
        SELECT relname, relkind, pg_class.oid FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f')
    )
    SELECT relname::text FROM here
    WHERE relname <> '_sqlx_migrations'
        AND (SELECT count(*) FROM here WHERE relkind IN ('r', 'p')
            AND relname IN ('meta', 'journal', 'shard', '_sqlx_migrations')) < 4
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = here.oid AND deptype = 'e')
    ORDER BY relname LIMIT 1";
/// The same for `_sqlx_migrations`, which every program has that uses this migrator. Fritzy's gets
/// its first row together with fritzy's first table.
const THEIR_STEPS: &str = "
    SELECT EXISTS (SELECT FROM _sqlx_migrations) AND NOT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = current_schema() AND relname = 'meta')";

/// Checks that the schema is empty or fritzy's, so that no tables are added to foreign ones.
pub(super) async fn check_ours(
    server: &Server,
    connection: &mut PgConnection,
) -> Result<(), PostgresError> {
    let failed = |failure: sqlx::Error| unreachable(server, &failure);
    let not_empty = |found: String| PostgresError::NotEmpty {
        server: server.name(),
        found,
    };
    let found = sqlx::query(THEIRS).fetch_optional(&mut *connection).await;
    if let Some(row) = found.map_err(failed)? {
        return Err(not_empty(row.try_get(0).map_err(failed)?));
    }
    if exists(server, connection, "_sqlx_migrations").await? {
        let row = sqlx::query(THEIR_STEPS).fetch_one(connection).await;
        if row.map_err(failed)?.try_get(0).map_err(failed)? {
            return Err(not_empty("_sqlx_migrations".into()));
        }
    }
    Ok(())
}

/// Checks that no applied migration requires a newer version.
async fn check_known(server: &Server, connection: &mut PgConnection) -> Result<(), PostgresError> {
    if !exists(server, connection, "meta").await? {
        return Ok(());
    }
    let failed = |failure: sqlx::Error| unreachable(server, &failure);
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'schema_required'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let Some(row) = row else { return Ok(()) };
    let written: String = row.try_get(0).map_err(failed)?;
    let required: i64 = written.parse().map_err(|_| PostgresError::Unreadable {
        server: server.name(),
        reason: format!("schema_required in its table meta is `{written}`, which is not a number"),
    })?;
    check_required(server, required)
}

/// Checks that this version knows the migration `required`.
pub(super) fn check_required(server: &Server, required: i64) -> Result<(), PostgresError> {
    let known = MIGRATIONS.iter().map(|step| step.version).max();
    let known = known.unwrap_or_default();
    if required <= known {
        return Ok(());
    }
    Err(PostgresError::SchemaAhead {
        server: server.name(),
        required,
        known,
    })
}

/// The migrations that were applied.
async fn applied(
    server: &Server,
    connection: &mut PgConnection,
) -> Result<Vec<i64>, PostgresError> {
    if !exists(server, connection, "_sqlx_migrations").await? {
        return Ok(vec![]);
    }
    let failed = |failure: sqlx::Error| unreachable(server, &failure);
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let step = |row: &PgRow| row.try_get(0).map_err(failed);
    rows.iter().map(step).collect()
}

pub(super) async fn exists(
    server: &Server,
    connection: &mut PgConnection,
    table: &str,
) -> Result<bool, PostgresError> {
    let failed = |failure: sqlx::Error| unreachable(server, &failure);
    let row = sqlx::query("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    row.try_get(0).map_err(failed)
}

/// SQLSTATE of a missing privilege.
const NO_RIGHT: &str = "42501";
/// SQLSTATE of a missing column: a foreign table of the same name.
const NO_COLUMN: &str = "42703";

pub(super) fn unreachable(server: &Server, failure: &sqlx::Error) -> PostgresError {
    let (server, reason) = (server.name(), failure.to_string());
    let code = failure
        .as_database_error()
        .and_then(|failure| failure.code());
    match code.as_deref() {
        Some(NO_RIGHT) => PostgresError::NoRight { server, reason },
        Some(NO_COLUMN) => PostgresError::Foreign { server },
        _ => PostgresError::Unreachable { server, reason },
    }
}
