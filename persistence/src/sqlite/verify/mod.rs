//! Checking a SQLite file: opened for reading only, in one transaction, beside a running node or without
//! one.

mod rows;
mod schema;

use std::path::PathBuf;

use super::error::ReadOnlyError;
use super::read_only::ReadOnly;
use crate::verify::{self, VerifyProgress, VerifyReport};

/// What to check.
#[derive(Clone, Debug)]
pub struct VerifyConfig {
    /// The database file.
    pub file: PathBuf,
    /// Violations that are kept whole, some 1 KB each; further ones are counted.
    pub violations_max: usize,
}

/// What begins the one transaction.
const BEGIN: [&str; 3] = [
    // The walk reads rows by an index, in random order where keys were used: 64 MiB of pages.
    "PRAGMA cache_size = -65536",
    // What is sorted on the way goes to a file, not into memory.
    "PRAGMA temp_store = FILE",
    "BEGIN",
];

/// Checks the database of a node against the invariants of ARCHITECTURE.md. Everything is read in one
/// transaction, so a running node may go on writing; nothing is ever written to the database or its log.
///
/// # Errors
/// [`ReadOnlyError`], when nothing can be said about the database.
pub async fn verify_sqlite(
    config: &VerifyConfig,
    progress: &VerifyProgress,
) -> Result<VerifyReport, ReadOnlyError> {
    let (file, connection) = ReadOnly::open(&config.file).await?;
    let (file, connection) = file.check(connection, &BEGIN).await?;
    let mut rows = rows::SqliteRows::new(connection);
    let report = verify::check(&mut rows, config.violations_max, progress).await;
    let report = report.map_err(|reason| file.failed(&reason));
    file.close(rows.connection).await;
    report
}
