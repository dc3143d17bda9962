//! What tails and cursor administration need from a database, whichever store it is in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{Cursor, Generations, Position, RecordedEvent, TopicBinding};
use fritzy_types::{ShardId, StorageError, Timestamp};
use uuid::Uuid;

use crate::adoption::TopicAdoption;

/// A database opened read-only; each call is a transaction of its own.
#[async_trait]
pub(crate) trait EventSource: Send {
    /// The last position of each shard that has events.
    async fn heads(&mut self) -> Result<BTreeMap<ShardId, Position>, StorageError>;

    /// Up to `limit` events of a shard after position `after`, in order.
    async fn page(
        &mut self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// Up to `limit` events behind each of these positions (at most 64 shards), in the order of
    /// shards and positions.
    async fn pages(
        &mut self,
        behind: &[(ShardId, Position)],
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The events at these positions (at most 1 000), in any order; positions without an event are
    /// left out.
    async fn at(
        &mut self,
        positions: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The first event dated at `since` or later behind each of these positions (at most 64
    /// shards); shards without one are left out. The database reads the dates, and returns
    /// positions only.
    async fn first_since(
        &mut self,
        behind: &[(ShardId, Position)],
        since: Timestamp,
    ) -> Result<Vec<(ShardId, Position)>, StorageError>;

    async fn close(self: Box<Self>);
}

/// The table of projection cursors, on a connection of its own that may write.
#[async_trait]
pub(crate) trait CursorTable: Send {
    /// All cursors, each with the name of its projection, ordered by that name.
    async fn all(&mut self) -> Result<Vec<(String, Cursor)>, StorageError>;

    /// Sets a cursor if it is unchanged since it was read; `false` if it has moved.
    async fn set(
        &mut self,
        projection: &str,
        read: &Cursor,
        position: Position,
    ) -> Result<bool, StorageError>;

    /// The generations of the database.
    async fn generations(&mut self) -> Result<Generations, StorageError>;

    /// Where the database is.
    async fn location(&mut self) -> Result<String, StorageError>;

    /// The binding to the topics with this id.
    async fn topic_binding(&mut self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError>;

    /// Begins a new generation for topics that another database has filled, in one transaction with
    /// their tokens. `false` if either has changed meanwhile.
    async fn adopt(&mut self, adoption: &TopicAdoption) -> Result<bool, StorageError>;

    async fn close(self: Box<Self>);
}
