//! The stores in one SQLite file: one writer connection, held by the committer, and a few readers.

mod journal;
mod lock;
mod open;
mod ownership;
mod read_model;
mod rows;
mod statements;
mod write;

use fritzy_domain::{ReadError, ShardCount};
use sqlx::SqlitePool;

use crate::committer::Committer;

pub use open::{OpenError, SqliteConfig};

/// The reading side, and the way to the writing one.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    shards: ShardCount,
    readers: SqlitePool,
    /// Claims are rare and wait for the committer's transactions like any second writer.
    claims: SqlitePool,
    committer: Committer,
    /// Held as long as anything can touch the file.
    _lock: std::sync::Arc<lock::FileLock>,
}

/// A failed read, as the ports tell it.
fn read_error(failure: sqlx::Error) -> ReadError {
    match failure {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            ReadError::Unreadable(failure.to_string())
        }
        _ => ReadError::Unavailable(failure.to_string()),
    }
}
