//! The journal: every event that ever happened, in order, and the only way to make one happen.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use fritzy_types::{Deadline, ReadError, ShardId, ShardLease};
use uuid::Uuid;

use super::{Feed, Footprint, Page, Room};
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
pub struct Positions {
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
pub type Appending = Pin<Box<dyn Future<Output = Result<Positions, AppendError>> + Send>>;

/// One event as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
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

impl Footprint for Recorded {
    fn held_bytes(&self) -> usize {
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

/// The journal.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Puts a decided command into the queue of its shard's committer. The answer comes when it is
    /// durable (invariant I1).
    fn append(&self, append: Append) -> Appending;

    /// Returns once every append handed in before has been answered. What is read afterwards holds
    /// all of them that succeeded.
    async fn settled(&self);

    /// Batches as they are committed, from now on.
    fn feed(&self) -> Box<dyn Feed>;

    /// The last position of each shard that has events.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, ReadError>;

    /// Up to `limit` events of a shard behind position `after`, in order.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// The events of one entity up to and including version `until`, in order.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// A page of the events of whatever has this id, oldest first; none when nothing has it. Each takes room
    /// before the next is fetched.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// What `command` did in this shard, if it did anything.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, ReadError>;
}
