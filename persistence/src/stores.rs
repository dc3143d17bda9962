//! One opened database, as the ports the rest of the program uses.

use std::sync::Arc;

use fritzy_domain::{Journal, Ownership, ReadModel};

use crate::committer::Committer;

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
}

impl Stores {
    /// Writes what is queued, then stops the committer. Later appends are refused.
    pub async fn close(&self) {
        self.committer.close().await;
    }
}
