//! Cursors: the durable progress of each projection in each shard.

use async_trait::async_trait;
use fritzy_types::{ShardId, ShardLease, StorageError};

use crate::Position;

/// The progress of a projection in one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The shard that the cursor is for.
    pub shard: ShardId,
    /// All events up to this position have had their effect; 0 for none.
    pub position: Position,
    /// How often an operator has reset it.
    pub resets: u64,
    /// Why the projection has stopped behind `position`, if it has: the next event is poisoned.
    pub stopped: Option<String>,
}

/// A cursor to save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The right to write to the shard.
    pub lease: ShardLease,
    /// The new cursor. Its `resets` equal those of the saved one, and its position is not smaller.
    pub cursor: Cursor,
}

/// The saved cursors of projections.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// The cursors of a projection. It has none in shards where it has not begun.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError>;

    /// Saves these cursors durably, and creates missing ones. Returns the shards whose cursors were
    /// rejected: another node owns the shard, or the cursor was reset meanwhile.
    ///
    /// # Errors
    /// When the store is unavailable. Some cursors may have been saved.
    async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError>;

    /// Resets a cursor, whichever node owns the shard: the projection continues behind this
    /// position within some seconds. Returns `false` if there is no such cursor.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn set_cursor(
        &self,
        projection: &str,
        shard: ShardId,
        position: Position,
    ) -> Result<bool, StorageError>;
}
