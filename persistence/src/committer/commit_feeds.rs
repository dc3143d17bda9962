//! Sends committed batches to subscribers: without copies, without waiting, and with a bound on
//! what slow subscribers retain.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{CommitFeed, Committed, FeedItem};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Batches kept for the slowest subscriber. A batch has at most 512 appends of some KB: some 30 MB
/// in all. A subscriber that lags further reads the journal.
const BATCHES_MAX: usize = 64;

/// Where committed batches are sent.
#[derive(Clone)]
pub(super) struct CommitFeeds(broadcast::Sender<Arc<[Committed]>>);

impl Default for CommitFeeds {
    fn default() -> Self {
        Self(broadcast::Sender::new(BATCHES_MAX))
    }
}

impl CommitFeeds {
    pub(super) fn has_subscribers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn send(&self, batch: Vec<Committed>) {
        // An error means that the last subscriber has just gone.
        let _ = self.0.send(batch.into());
    }

    /// Receives every batch committed from now on.
    pub(super) fn subscribe(&self) -> Box<dyn CommitFeed> {
        Box::new(Subscription(self.0.subscribe()))
    }
}

struct Subscription(broadcast::Receiver<Arc<[Committed]>>);

#[async_trait]
impl CommitFeed for Subscription {
    async fn next(&mut self) -> FeedItem {
        match self.0.recv().await {
            Ok(batch) => FeedItem::Batch(batch),
            Err(RecvError::Lagged(_)) => FeedItem::Lagged,
            Err(RecvError::Closed) => FeedItem::Closed,
        }
    }
}
