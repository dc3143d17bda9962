//! The stores on a PostgreSQL server: a few committers with a connection each, and a pool for reading.

mod batch_statement;
mod config;
mod faults;
mod holding;
mod journal;
mod open;
mod ownership;
mod read_model;
mod row;
mod schema;
mod session;
mod settle;
mod unnest;
mod verify;
mod write;

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{ReadError, ShardCount};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::committer::Committer;
use crate::rows::read_error;
use crate::stores::Behind;
use faults::{Fault, fault};

pub use config::{PostgresConfig, PostgresError};
pub use schema::migrate_postgres;
pub use verify::verify_postgres;

/// The steps that make the schema. Those of newer versions are theirs.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_ignore_missing(true);
    migrator
});

/// Tries of one read. A pool may hold several connections that a restart of the server has cut.
const READ_TRIES: u32 = 4;
/// Before a read is tried again: a server that restarts refuses for some tenths of a second.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The reading side, and the way to the writing one.
pub(crate) struct PostgresStore {
    shards: ShardCount,
    pool: PgPool,
    /// Statements that were run to read.
    reads: Counter,
    committer: Committer,
    holding: holding::Holding,
}

impl PostgresStore {
    /// Runs a read, again where the connection was lost or the server asks for it: it changes nothing that
    /// a second time would change again.
    async fn reading<T, F>(&self, read: impl Fn(PgPool) -> F) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut tries = 1;
        loop {
            self.reads.inc();
            match read(self.pool.clone()).await {
                Ok(read) => return Ok(read),
                Err(failure)
                    if tries < READ_TRIES
                        && matches!(fault(&failure), Fault::Lost | Fault::Passing) =>
                {
                    tries += 1;
                    tokio::time::sleep(READ_AGAIN_AFTER).await;
                }
                Err(failure) => return Err(read_error(failure)),
            }
        }
    }
}

#[async_trait]
impl Behind for PostgresStore {
    fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        registry.register("read_statements", help, self.reads.clone());
    }

    async fn close_readers(&self) {
        self.pool.close().await;
    }

    async fn release(&self) {
        self.holding.release().await;
    }

    async fn lost(&self) -> String {
        self.holding.lost().await
    }
}
