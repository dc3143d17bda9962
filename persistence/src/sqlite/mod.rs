//! The stores in one SQLite file: one writer connection, held by the committer, and a few readers.

mod cursors;
mod journal;
mod lock;
mod open;
mod ownership;
mod read_model;
mod read_only;
mod row;
mod statements;
mod tail;
mod verify;
mod write;
mod write_states;

use async_trait::async_trait;
use fritzy_types::ShardCount;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;

use crate::committer::Committer;
use crate::stores::Behind;

pub(crate) use cursors::cursor_table;
pub use open::{OpenError, SqliteConfig};
pub use read_only::ReadOnlyError;
pub(crate) use tail::tail;
pub use verify::{VerifyConfig, verify_sqlite};

/// The steps that make the schema.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The reading side, and the way to the writing one.
pub(crate) struct SqliteStore {
    shards: ShardCount,
    readers: SqlitePool,
    /// Statements that were run to read.
    reads: Counter,
    /// Claims are rare and wait for the committer's transactions like any second writer.
    claims: SqlitePool,
    committer: Committer,
    /// Held until the store is closed, or this process ends.
    lock: std::sync::Mutex<Option<lock::FileLock>>,
}

impl SqliteStore {
    /// The connections for one statement that reads; counted.
    fn reading(&self) -> &SqlitePool {
        self.reads.inc();
        &self.readers
    }
}

#[async_trait]
impl Behind for SqliteStore {
    fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        registry.register("read_statements", help, self.reads.clone());
    }

    /// So that the committer's connection is the last to go.
    async fn close_readers(&self) {
        self.readers.close().await;
        self.claims.close().await;
    }

    async fn release(&self) {
        self.lock.lock().expect("no holder panics").take();
    }
}
