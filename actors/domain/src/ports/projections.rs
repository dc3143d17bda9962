//! What projections live on: everything that is committed, as it happens, and how far each of them has got.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_types::{ShardId, ShardLease, StorageError};

use super::{Append, AppendOutcome, Position};

/// An append that is in the journal.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What was appended.
    pub append: Append,
    /// Where it stands.
    pub positions: AppendOutcome,
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

/// How far a projection has got in one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The shard.
    pub shard: ShardId,
    /// Every event up to here has had its effect, 0 for none.
    pub position: Position,
    /// How often it was set by hand.
    pub resets: u64,
    /// Why the projection has stopped there, if it has: the event behind `position` cannot have its effect.
    pub stopped: Option<String>,
}

/// A cursor to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The right to the shard.
    pub lease: ShardLease,
    /// The cursor as it shall be; it is as often reset as the saved one, and not before it.
    pub cursor: Cursor,
}

/// The saved cursors of projections.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// Those of one projection. Where there is none yet, it has not begun.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError>;

    /// Saves these durably, and makes those that are missing. Answers the shards whose cursors were not saved: somebody
    /// else has the shard, or the cursor was set by hand meanwhile.
    ///
    /// # Errors
    /// [`StorageError`]; some may have been saved then.
    async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError>;

    /// Sets one by hand, whoever has the shard: its projection goes on behind this position within some seconds. `false`
    /// when there is none.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn set_cursor(
        &self,
        projection: &str,
        shard: ShardId,
        position: Position,
    ) -> Result<bool, StorageError>;
}
