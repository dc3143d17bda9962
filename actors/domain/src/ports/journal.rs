//! The journal: every event that ever happened, in order, and the only way to make one happen.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_types::{ShardId, StorageError};
use uuid::Uuid;

use super::{Append, Appending, CommitFeed, MemoryBudget, Page};
use crate::{CommandId, EntityId, Event, EventId, Fingerprint, Position, Version};

/// One event as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its shard.
    pub shard: ShardId,
    /// Its number there.
    pub position: Position,
    /// Whose it is.
    pub entity: EntityId,
    /// Its number there.
    pub version: Version,
    /// Its own id.
    pub event_id: EventId,
    /// The command that made it.
    pub command: CommandId,
    /// What the client had sent, for a command with a key.
    pub fingerprint: Option<Fingerprint>,
    /// What happened.
    pub event: Event,
}

/// What a command did when it was first given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// To which entity.
    pub entity: EntityId,
    /// The version the command left it at.
    pub version: Version,
    /// What the client had sent.
    pub fingerprint: Option<Fingerprint>,
}

/// The side of the journal that writes.
#[async_trait]
pub trait JournalWriter: Send + Sync {
    /// Queues a decided command at its shard's committer. The future completes once the events are durable (invariant I1).
    fn append(&self, append: Append) -> Appending;

    /// Returns once every append queued before this call has completed. What is read afterwards holds all of them that
    /// succeeded.
    async fn barrier(&self);
}

/// The side of the journal that reads.
#[async_trait]
pub trait JournalReader: Send + Sync {
    /// Subscribes to batches as they are committed, from now on.
    fn feed(&self) -> Box<dyn CommitFeed>;

    /// The last position of each shard that has events.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError>;

    /// Up to `limit` events of a shard behind position `after`, in order.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The events of one entity up to and including version `until`, in order.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// A page of the events of the entity with this id, oldest first; empty when there is no such entity. Each event is
    /// charged to `budget` before the next is fetched.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// What `command` did in this shard, if it did anything.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError>;
}

/// Both sides of one journal. They are two ports, so that a test can replace one and keep the other.
#[derive(Clone)]
pub struct Journal {
    /// Writes.
    pub writer: Arc<dyn JournalWriter>,
    /// Reads.
    pub reader: Arc<dyn JournalReader>,
}

impl Journal {
    /// The journal of a store that implements both ports.
    pub fn of<S: JournalWriter + JournalReader + 'static>(store: Arc<S>) -> Self {
        Self {
            writer: store.clone(),
            reader: store,
        }
    }

    /// [`JournalWriter::append`]
    pub fn append(&self, append: Append) -> Appending {
        self.writer.append(append)
    }

    /// [`JournalWriter::barrier`]
    pub async fn barrier(&self) {
        self.writer.barrier().await;
    }

    /// [`JournalReader::feed`]
    pub fn feed(&self) -> Box<dyn CommitFeed> {
        self.reader.feed()
    }

    /// [`JournalReader::heads`]
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        self.reader.heads().await
    }

    /// [`JournalReader::read_shard`]
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.read_shard(shard, after, limit).await
    }

    /// [`JournalReader::read_entity`]
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.read_entity(shard, entity, until).await
    }

    /// [`JournalReader::history`]
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.history(shard, id, page, budget).await
    }

    /// [`JournalReader::find_command`]
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        self.reader.find_command(shard, command).await
    }
}
