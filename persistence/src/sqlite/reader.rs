//! The connections for reading, and the count of the statements run on them.

use fritzy_types::StorageError;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::damage::Damage;

/// A pool of read-only connections. Clones share it.
#[derive(Clone)]
pub(super) struct SqliteReader {
    pool: SqlitePool,
    statements: Counter,
    damage: Damage,
}

impl SqliteReader {
    /// A pool that connects at the first read.
    pub(super) fn new(options: SqliteConnectOptions, connections_max: u32, damage: Damage) -> Self {
        Self {
            pool: SqlitePoolOptions::new()
                .max_connections(connections_max)
                .connect_lazy_with(options.read_only(true)),
            statements: Counter::default(),
            damage,
        }
    }

    /// The pool for one statement, which is counted.
    ///
    /// # Errors
    /// Once damage was found: an answer could lack what was there.
    pub(super) fn pool(&self) -> Result<&SqlitePool, StorageError> {
        self.damage.refuse()?;
        self.statements.inc();
        Ok(&self.pool)
    }

    /// Whether the file was found damaged.
    pub(super) const fn damage(&self) -> &Damage {
        &self.damage
    }

    /// The rows of a query, whose errors are looked at.
    pub(super) fn noted<'a, R: Send + 'a>(
        &'a self,
        rows: BoxStream<'a, Result<R, sqlx::Error>>,
    ) -> BoxStream<'a, Result<R, sqlx::Error>> {
        rows.inspect_err(|failure| self.damage.note(failure))
            .boxed()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        registry.register("read_statements", help, self.statements.clone());
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
