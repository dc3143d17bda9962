//! The connections for reading, and the count of the statements run on them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// A pool of read-only connections. Clones share it.
#[derive(Clone)]
pub(super) struct SqliteReader {
    pool: SqlitePool,
    statements: Counter,
}

impl SqliteReader {
    /// A pool that connects at the first read.
    pub(super) fn new(options: SqliteConnectOptions, connections_max: u32) -> Self {
        Self {
            pool: SqlitePoolOptions::new()
                .max_connections(connections_max)
                .connect_lazy_with(options.read_only(true)),
            statements: Counter::default(),
        }
    }

    /// The pool for one statement, which is counted.
    pub(super) fn pool(&self) -> &SqlitePool {
        self.statements.inc();
        &self.pool
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        registry.register("read_statements", help, self.statements.clone());
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
