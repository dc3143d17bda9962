//! The journal: every event that ever happened, in order, and the only way to make one happen.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_types::{Deadline, ShardId, ShardLease, StorageError};
use uuid::Uuid;

use super::{CommitFeed, HeapSize, MemoryBudget, Page};
use crate::{CommandId, EntityId, Event, EventId, Fingerprint, State};

/// An event's number within its shard: 1, 2, 3 … without a gap (invariant I2).
pub type Position = u64;
/// An event's number within its entity: 1, 2, 3 … without a gap (invariant I2).
pub type Version = u64;

/// One decided command, to be made durable whole or not at all.
#[derive(Clone, Debug)]
pub struct Append {
    /// The right to write.
    pub lease: ShardLease,
    /// The entity it happened to.
    pub entity: EntityId,
    /// The entity's version before; the first event gets the next. 0 for a creation.
    pub after: Version,
    /// The command that was decided; kept with each event.
    pub command: CommandId,
    /// What the client sent, if it gave an idempotency key. A keyed creation is unique by its command
    /// over the whole database (invariant I8).
    pub fingerprint: Option<Fingerprint>,
    /// What happened, at least one, each with its id.
    pub events: Vec<(EventId, Event)>,
    /// The fold of all the entity's events, these included; becomes its state row in the same commit
    /// (invariant I5).
    pub state: State,
    /// Not begun by then, it is dropped.
    pub deadline: Deadline,
}

/// Where an append came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendOutcome {
    /// The position of its first event.
    pub first: Position,
    /// The entity's version after it.
    pub version: Version,
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The entity has moved on, or the keyed creation exists already.
    #[error("the entity is not at the version this command was decided on")]
    Conflict,
    /// Somebody else has claimed the shard since.
    #[error("shard {0} has a newer owner")]
    Fenced(ShardId),
    /// The queue is full.
    #[error("the journal's queue is full")]
    Overloaded,
    /// The deadline passed before the write began.
    #[error("the deadline passed before the write began")]
    Expired,
    /// The store could not do it.
    #[error("the store could not write: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
        /// Whether the events are certainly absent, now and later.
        certainly_not_written: bool,
    },
}

impl AppendError {
    /// Whether the events are certainly absent from the journal, now and later.
    pub const fn certainly_not_written(&self) -> bool {
        match self {
            Self::Conflict | Self::Fenced(_) | Self::Overloaded | Self::Expired => true,
            Self::Unavailable {
                certainly_not_written,
                ..
            } => *certainly_not_written,
        }
    }
}

/// An append under way. It is in the queue when this is handed out, in the order of the calls; it
/// goes on when this is dropped.
pub type Appending = Pin<Box<dyn Future<Output = Result<AppendOutcome, AppendError>> + Send>>;

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

impl HeapSize for RecordedEvent {
    fn heap_bytes(&self) -> usize {
        self.event.payload().len()
    }
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
