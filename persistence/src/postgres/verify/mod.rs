//! Verifies a database on PostgreSQL in one read-only transaction, with or without running nodes.

mod rows;
mod schema;

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::error::PostgresError;
use super::schema::{check_usable, exists, pin_schema};
use super::server::Server;
use crate::verify::{self, VerifyProgress, VerifyReport};
use rows::PostgresRows;

/// A check reads everything, without time limits. Large sorts use the server's temporary files.
const BEGIN: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
     SET work_mem = '64MB'; SET cursor_tuple_fraction = 1;
     BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Checks the database at `url` against the invariants of ARCHITECTURE.md. At most `violations_max`
/// violations are kept completely (some 1 KB each); the others are counted. Reads one snapshot, so
/// nodes may continue to write; changes nothing.
///
/// # Errors
/// [`PostgresError`] when the server or the database cannot be read, so that nothing is known about
/// it.
pub fn verify_postgres<'a>(
    url: &'a str,
    violations_max: usize,
    progress: &'a VerifyProgress,
) -> BoxFuture<'a, Result<VerifyReport, PostgresError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(verify_database(url, violations_max, progress))
}

async fn verify_database(
    url: &str,
    violations_max: usize,
    progress: &VerifyProgress,
) -> Result<VerifyReport, PostgresError> {
    // A server that may lose commits can be checked all the same.
    let server = Server::new(url, true)?;
    let options = server.options("fritzy journal verify");
    let mut connection = server.connect_first(Duration::ZERO, &options).await?;
    let server = pin_schema(server, &mut connection).await?;
    if !exists(&server, &mut connection, "meta").await?
        || !exists(&server, &mut connection, "_sqlx_migrations").await?
    {
        return Err(PostgresError::Foreign {
            server: server.name(),
        });
    }
    check_usable(&server, &mut connection).await?;
    let expected = expected_schema(&server).await?;
    sqlx::raw_sql(BEGIN)
        .execute(&mut connection)
        .await
        .map_err(|failure| unreadable(&server, failure.to_string()))?;
    let mut rows = PostgresRows::new(connection, expected);
    let report = verify::check(&mut rows, violations_max, progress).await;
    rows.close().await;
    report.map_err(|reason| unreadable(&server, reason))
}

fn unreadable(server: &Server, reason: String) -> PostgresError {
    PostgresError::Unreadable {
        server: server.name(),
        reason,
    }
}

/// The schema as the migrations create it: created from temporary tables, read, and rolled back.
async fn expected_schema(server: &Server) -> Result<schema::Schema, PostgresError> {
    let options = server.options("fritzy journal verify, model");
    let mut connection: PgConnection = server.connect(&options).await?;
    let expected = schema::model(&mut connection).await;
    let _ = connection.close().await;
    expected.map_err(|failure| unreadable(server, failure.to_string()))
}
