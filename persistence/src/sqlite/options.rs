//! Settings of the stores on SQLite, and of every connection that may write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fritzy_types::ShardCount;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::committer::CommitterConfig;

/// Settings of the stores on SQLite.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The database file; its folder must exist.
    pub file: PathBuf,
    /// Number of shards of a new database; an existing one must have as many.
    pub shards: ShardCount,
    /// Connections for reading. Default 4: reads are short and share the page cache.
    pub readers: u32,
    /// Journal rows in a chunk of orders that are added to the tables of orders by product and by
    /// total together. Lists read up to two chunks from the journal. Default 2 048: more would make
    /// lists slower under load (two chunks take them up to 20 ms), fewer each order.
    pub listing_chunk_rows: u32,
    /// Limits of the committer.
    pub committer: CommitterConfig,
}

impl SqliteConfig {
    /// The defaults for a database at `file`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            shards: ShardCount::DEFAULT,
            readers: 4,
            listing_chunk_rows: 2_048,
            committer: CommitterConfig::default(),
        }
    }
}

pub(super) fn connect_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL syncs the log at every commit. NORMAL, which is faster, may lose acknowledged ones.
        .synchronous(SqliteSynchronous::Full)
        // Writers wait for each other this long; only claims compete with the committer.
        .busy_timeout(Duration::from_secs(5))
        // The committer's multi-row statements have a few sizes, which must all stay prepared.
        .statement_cache_capacity(256)
}
