//! The journal: the ordered log of all events, and the only place where they are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_types::{ShardId, StorageError};
use uuid::Uuid;

use super::{Append, Appending, CommitFeed, Generations, MemoryBudget, Page};
use crate::{CommandId, EntityId, Event, EventId, Fingerprint, Position, Version};

/// An event as stored in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The shard of its entity.
    pub shard: ShardId,
    /// Its number in the shard, from 1.
    pub position: Position,
    /// The entity that it belongs to.
    pub entity: EntityId,
    /// Its number in the entity, from 1.
    pub version: Version,
    /// Stable over redeliveries: consumers deduplicate by it.
    pub event_id: EventId,
    /// The command that caused it.
    pub command: CommandId,
    /// The hash of the request, if it had an idempotency key.
    pub fingerprint: Option<Fingerprint>,
    /// What happened to the entity, with the data of that event type.
    pub event: Event,
}

/// The effect of a command when it was first executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// The entity it has changed.
    pub entity: EntityId,
    /// The version of the entity after the command.
    pub version: Version,
    /// The hash of the request, if it had an idempotency key.
    pub fingerprint: Option<Fingerprint>,
}

/// The side of the journal that writes.
#[async_trait]
pub trait JournalWriter: Send + Sync {
    /// Queues a decided command at its shard's committer. The future completes once the events are
    /// durable (invariant I1).
    fn append(&self, append: Append) -> Appending;

    /// Returns once every append queued before this call has completed. What is read afterwards
    /// holds all of them that succeeded.
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
    /// When the store is unavailable.
    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError>;

    /// The lines of the journal's history. By default one: that of a store which cannot lose what
    /// it has acknowledged.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn generations(&self) -> Result<Generations, StorageError> {
        Ok(Generations::first())
    }

    /// Up to `limit` events of a shard behind position `after`, in order.
    ///
    /// # Errors
    /// When the store is unavailable, or an event is unreadable.
    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The events of one entity up to and including version `until`, in order.
    ///
    /// # Errors
    /// When the store is unavailable, or an event is unreadable.
    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// A page of the events of the entity with this id, oldest first; empty when there is no such
    /// entity. Each event is charged to `budget` before the next is fetched.
    ///
    /// # Errors
    /// When the store is unavailable, an event is unreadable, or the budget is exceeded.
    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError>;

    /// The effect of `command` in this shard, if it had any.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError>;
}

/// Both sides of one journal. They are two ports, so that a test can replace one and keep the
/// other.
#[derive(Clone)]
pub struct Journal {
    /// The port for writing.
    pub writer: Arc<dyn JournalWriter>,
    /// The port for reading.
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

    /// Queues a decided command; see [`JournalWriter::append`].
    pub fn append(&self, append: Append) -> Appending {
        self.writer.append(append)
    }

    /// Waits for the appends queued so far; see [`JournalWriter::barrier`].
    pub async fn barrier(&self) {
        self.writer.barrier().await;
    }

    /// Subscribes to committed batches; see [`JournalReader::feed`].
    pub fn feed(&self) -> Box<dyn CommitFeed> {
        self.reader.feed()
    }

    /// See [`JournalReader::heads`].
    ///
    /// # Errors
    /// See there.
    pub async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        self.reader.heads().await
    }

    /// See [`JournalReader::generations`].
    ///
    /// # Errors
    /// See there.
    pub async fn generations(&self) -> Result<Generations, StorageError> {
        self.reader.generations().await
    }

    /// See [`JournalReader::read_shard`].
    ///
    /// # Errors
    /// See there.
    pub async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.read_shard(shard, after, limit).await
    }

    /// See [`JournalReader::read_entity`].
    ///
    /// # Errors
    /// See there.
    pub async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.read_entity(shard, entity, until).await
    }

    /// See [`JournalReader::history`].
    ///
    /// # Errors
    /// See there.
    pub async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.reader.history(shard, id, page, budget).await
    }

    /// See [`JournalReader::find_command`].
    ///
    /// # Errors
    /// See there.
    pub async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        self.reader.find_command(shard, command).await
    }
}
