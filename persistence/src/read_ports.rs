//! What a tail asks of a database.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError};

/// A database opened for reading only; each call is a transaction of its own.
#[async_trait]
pub(crate) trait EventSource: Send {
    /// The last position of each shard that has events.
    async fn heads(&mut self) -> Result<BTreeMap<ShardId, Position>, StorageError>;

    /// Up to `limit` events of a shard behind position `after`, in order.
    async fn page(
        &mut self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The events at these places (no more than 1 000), in any order; none for a place without one.
    async fn at(
        &mut self,
        places: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// Closes it.
    async fn close(self: Box<Self>);
}
