//! What the store holds besides its ports: the file lock and the connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::continuity::{ContinuityWatch, SqliteContinuity};
use super::damage::Damage;
use super::file_lock::{FileLock, FileTrouble};
use super::reader::SqliteReader;
use crate::stores::{Lost, StoreBackend};

/// Between two checks that the locked files are in place. A check takes some microseconds.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Held until the store is closed, or this process ends.
type HeldLock = Arc<Mutex<Option<FileLock>>>;

pub(super) struct SqliteBackend {
    reader: SqliteReader,
    writer: SqlitePool,
    lock: HeldLock,
    watcher: AbortOnDropHandle<()>,
    /// Why the files are lost, once they are.
    lost: watch::Receiver<Option<String>>,
    continuity: SqliteContinuity,
    /// Ends when the store is closed: it would keep the log from being moved into the file.
    watch: Mutex<Option<ContinuityWatch>>,
    options: SqliteConnectOptions,
}

impl SqliteBackend {
    pub(super) fn new(
        reader: SqliteReader,
        writer: SqlitePool,
        lock: FileLock,
        continuity: SqliteContinuity,
        watch: ContinuityWatch,
        options: SqliteConnectOptions,
    ) -> Self {
        let lock: HeldLock = Arc::new(Mutex::new(Some(lock)));
        let (report, lost) = watch::channel(None);
        let watcher = tokio::spawn(watch_files(
            lock.clone(),
            report,
            continuity.damage().clone(),
        ));
        Self {
            reader,
            writer,
            lock,
            watcher: AbortOnDropHandle::new(watcher),
            lost,
            continuity,
            watch: Mutex::new(Some(watch)),
            options,
        }
    }

    /// Returns when the files are lost, with the reason.
    async fn files_lost(&self) -> String {
        let mut lost = self.lost.clone();
        let reason = match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone(),
            Err(_) => None,
        };
        match reason {
            Some(reason) => reason,
            // The store is closing.
            None => std::future::pending().await,
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
        self.watcher.abort();
        let watch = self.watch.lock().expect("no holder panics").take();
        if let Some(watch) = watch {
            watch.close().await;
        }
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
        tokio::select! {
            biased;
            lost = self.continuity.lost() => lost,
            reason = self.files_lost() => Lost::Database(reason),
        }
    }
}

/// Checks the files until they are lost.
async fn watch_files(lock: HeldLock, report: watch::Sender<Option<String>>, damage: Damage) {
    loop {
        let is_damaged = damage.objection().is_some();
        let checked = match lock.lock().expect("no holder panics").as_mut() {
            Some(lock) => lock.check(is_damaged),
            None => return,
        };
        match checked {
            Ok(()) => {}
            Err(FileTrouble::Damaged(reason)) => damage.report(&reason),
            Err(FileTrouble::Lost(reason)) => {
                report.send_replace(Some(reason));
                return;
            }
            // The next start must know of it: the file is sound without its log.
            Err(FileTrouble::LogLost(reason)) => {
                damage.report("its log was removed or replaced");
                report.send_replace(Some(reason));
                return;
            }
        }
        sleep(CHECK_INTERVAL).await;
    }
}
