//! Verifies a SQLite file, opened read-only, in one transaction, with or without a running node.

mod lists;
mod rows;
mod schema;
mod values;

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use super::error::ReadOnlyError;
use super::read_only::{ReadOnly, UnknownSteps};
use crate::verify::{self, VerifyProgress, VerifyReport};

/// What to verify, and how much to report.
#[derive(Clone, Debug)]
pub struct VerifyConfig {
    /// The database file, which is only read.
    pub file: PathBuf,
    /// Violations that are kept completely, some 1 KB each; further ones are counted.
    pub violations_max: usize,
}

/// Begins the one transaction.
const BEGIN: [&str; 3] = [
    // Rows are read by an index, in random order where keys were used: 64 MiB of pages.
    "PRAGMA cache_size = -65536",
    // Sorts use a file, not memory.
    "PRAGMA temp_store = FILE",
    "BEGIN",
];

/// Checks the database of a node against the invariants of ARCHITECTURE.md. Reads everything in one
/// transaction, so a running node may continue to write; writes nothing to the database or its log.
///
/// # Errors
/// [`ReadOnlyError`] when the file cannot be opened or read, so that nothing is known about it.
pub fn verify_sqlite<'a>(
    config: &'a VerifyConfig,
    progress: &'a VerifyProgress,
) -> BoxFuture<'a, Result<VerifyReport, ReadOnlyError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(verify_file(config, progress))
}

async fn verify_file(
    config: &VerifyConfig,
    progress: &VerifyProgress,
) -> Result<VerifyReport, ReadOnlyError> {
    let (file, connection) = ReadOnly::open(&config.file).await?;
    let (file, connection) = file
        .check(connection, &BEGIN, UnknownSteps::Refused)
        .await?;
    let mut rows = rows::SqliteRows::new(connection);
    let report = verify::check(&mut rows, config.violations_max, progress).await;
    let report = report.map_err(|reason| file.failed(&reason));
    file.close(rows.connection).await;
    report
}
