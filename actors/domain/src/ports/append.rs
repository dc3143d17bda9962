//! Appends: one decided command on its way into the journal, and what becomes of it.

use std::future::Future;
use std::pin::Pin;

use fritzy_types::{Deadline, ShardId, ShardLease};

use crate::{CommandId, EntityId, Event, EventId, Fingerprint, Position, State, Version};

/// One decided command, to be made durable whole or not at all.
#[derive(Clone, Debug)]
pub struct Append {
    /// The right to write.
    pub lease: ShardLease,
    /// The entity it happened to.
    pub entity: EntityId,
    /// The entity's version before; 0 for a creation. The first event gets the next one. At any other
    /// version the append fails with [`AppendError::Conflict`].
    pub expected_version: Version,
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
