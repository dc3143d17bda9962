//! What projections live on: everything that is committed, as it happens, and how far each of them has got.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Append, AppendOutcome};

/// An append that is in the journal.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What was appended.
    pub append: Append,
    /// Where it was stored.
    pub outcome: AppendOutcome,
}

/// What a feed says next.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// A batch that was committed; appends of one shard are in the order of their positions.
    Batch(Arc<[Committed]>),
    /// Whoever listens was too slow, and batches were left out: they are in the journal.
    Lagged,
    /// Nothing will come any more.
    Closed,
}

/// Batches as they are committed, from the moment it was asked for. What an unknown outcome left in the journal is not
/// told.
#[async_trait]
pub trait CommitFeed: Send {
    /// Waits for the next. Nothing is lost when the wait is given up.
    async fn next(&mut self) -> FeedItem;
}
