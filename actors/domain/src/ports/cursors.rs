//! Cursors: how far each projection has got in each shard.

use async_trait::async_trait;
use fritzy_types::{ShardId, ShardLease, StorageError};

use crate::Position;

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
