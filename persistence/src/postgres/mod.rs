//! The stores on a PostgreSQL server: a few committers with a connection each, and a pool for reading.

mod batch_statement;
mod config;
mod cursors;
mod faults;
mod holding;
mod journal;
mod line;
mod membership;
mod open;
mod ownership;
mod read_model;
mod reads;
mod replica;
mod row;
mod schema;
mod session;
mod settle;
mod tail;
mod unnest;
mod verify;
mod write;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use fritzy_types::ShardCount;
use prometheus_client::registry::Registry;
use sqlx::migrate::Migrator;

use crate::committer::Committer;
use crate::stores::Behind;
use reads::Reads;

pub use config::{PostgresConfig, PostgresError, Sharing};
pub(crate) use cursors::cursor_table;
pub use schema::migrate_postgres;
pub(crate) use tail::tail;
pub use verify::verify_postgres;

/// The steps that make the schema. Those of newer versions are theirs.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_ignore_missing(true);
    migrator
});

/// The reading side, and the way to the writing one.
pub(crate) struct PostgresStore {
    shards: ShardCount,
    reads: Arc<Reads>,
    copies: Arc<replica::Replicated>,
    committer: Committer,
    nodes: Arc<membership::Nodes>,
    holding: holding::Holding,
}

#[async_trait]
impl Behind for PostgresStore {
    fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        registry.register("read_statements", help, self.reads.count.clone());
        self.copies.register(registry);
    }

    async fn close_readers(&self) {
        self.reads.close().await;
        self.copies.close().await;
    }

    async fn release(&self) {
        self.nodes.close();
        self.holding.release().await;
    }

    async fn lost(&self) -> String {
        self.holding.lost().await
    }
}
