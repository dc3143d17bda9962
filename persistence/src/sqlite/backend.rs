//! What the store holds besides its ports: the file lock and the connections.

use std::sync::Mutex;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::continuity::{ContinuityWatch, SqliteContinuity};
use super::file_lock::FileLock;
use super::reader::SqliteReader;
use crate::stores::{Lost, StoreBackend};

pub(super) struct SqliteBackend {
    reader: SqliteReader,
    writer: SqlitePool,
    /// Held until the store is closed, or this process ends.
    lock: Mutex<Option<FileLock>>,
    continuity: SqliteContinuity,
    /// Ends when the store is closed: it would keep the log from being moved into the file.
    watch: Mutex<Option<ContinuityWatch>>,
    options: SqliteConnectOptions,
}

impl SqliteBackend {
    pub(super) const fn new(
        reader: SqliteReader,
        writer: SqlitePool,
        lock: FileLock,
        continuity: SqliteContinuity,
        watch: ContinuityWatch,
        options: SqliteConnectOptions,
    ) -> Self {
        Self {
            reader,
            writer,
            lock: Mutex::new(Some(lock)),
            continuity,
            watch: Mutex::new(Some(watch)),
            options,
        }
    }
}

#[async_trait]
impl StoreBackend for SqliteBackend {
    fn register(&self, registry: &mut Registry) {
        self.reader.register(registry);
        self.continuity.register(registry);
    }

    /// Leaves the committer's connection as the last one, which moves the log into the file.
    async fn close_readers(&self) {
        self.watch.lock().expect("no holder panics").take();
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn release(&self) {
        self.continuity.settle_replacement(&self.options).await;
        self.lock.lock().expect("no holder panics").take();
    }

    async fn damaged(&self) {
        self.continuity.damage().found().await;
    }

    async fn lost(&self) -> Lost {
        self.continuity.lost().await
    }
}
