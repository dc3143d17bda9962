//! The commit feed: batches of events, as they are committed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Append, AppendOutcome};

/// An append that was committed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The append as the journal received it.
    pub append: Append,
    /// Where it was stored.
    pub outcome: AppendOutcome,
}

/// An item of the feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// A committed batch. The appends of a shard are in the order of their positions.
    Batch(Arc<[Committed]>),
    /// The subscriber was too slow and has missed batches. They are in the journal.
    Lagged,
    /// The feed has ended.
    Closed,
}

/// A subscription to committed batches. A batch whose outcome was unknown at first may be in the
/// journal without having been in the feed.
#[async_trait]
pub trait CommitFeed: Send {
    /// Waits for the next item. Cancel-safe: no item is lost when the future is dropped.
    async fn next(&mut self) -> FeedItem;
}
