//! Feeding what was committed to whoever listens: no copies, no waiting, and a bound on what the slow hold up.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{CommitFeed, Committed, FeedItem};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Batches that wait for the slowest listener at most. Batches have 512 appends of some KB at most: some 30 MB. One who
/// is further behind reads the journal.
const BATCHES_MAX: usize = 64;

/// Where committed batches go.
#[derive(Clone)]
pub(super) struct Feeds(broadcast::Sender<Arc<[Committed]>>);

impl Default for Feeds {
    fn default() -> Self {
        Self(broadcast::Sender::new(BATCHES_MAX))
    }
}

impl Feeds {
    /// Whether anybody listens.
    pub(super) fn are_wanted(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn send(&self, batch: Vec<Committed>) {
        // An error means that the last listener has just left.
        let _ = self.0.send(batch.into());
    }

    /// Everything that is committed from now on.
    pub(super) fn listen(&self) -> Box<dyn CommitFeed> {
        Box::new(Listener(self.0.subscribe()))
    }
}

struct Listener(broadcast::Receiver<Arc<[Committed]>>);

#[async_trait]
impl CommitFeed for Listener {
    async fn next(&mut self) -> FeedItem {
        match self.0.recv().await {
            Ok(batch) => FeedItem::Batch(batch),
            Err(RecvError::Lagged(_)) => FeedItem::Lagged,
            Err(RecvError::Closed) => FeedItem::Closed,
        }
    }
}
