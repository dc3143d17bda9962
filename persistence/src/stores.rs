//! One opened database, as the ports the rest of the program uses.

use std::sync::Arc;

use fritzy_domain::{Journal, Ownership, ReadModel};
use prometheus_client::registry::Registry;

use crate::committer::Committer;
use crate::sqlite::SqliteStore;

/// One opened database.
#[derive(Clone)]
pub struct Stores {
    /// The events.
    pub journal: Arc<dyn Journal>,
    /// The states.
    pub read_model: Arc<dyn ReadModel>,
    /// The owners of shards.
    pub ownership: Arc<dyn Ownership>,
    pub(crate) committer: Committer,
    /// The store behind the ports, where it holds a file.
    pub(crate) file: Option<Arc<SqliteStore>>,
}

impl Stores {
    /// Adds the stores' metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.committer.register(registry);
        if let Some(file) = &self.file {
            file.register(registry);
        }
    }

    /// Appends that wait to be written, now.
    pub fn queue_len(&self) -> usize {
        self.committer.queue_len()
    }

    /// Writes what is queued, stops the committer, and gives the file free. Later appends and reads are
    /// refused.
    pub async fn close(&self) {
        if let Some(file) = &self.file {
            file.close_readers().await;
        }
        self.committer.close().await;
        if let Some(file) = &self.file {
            file.unlock();
        }
    }
}
