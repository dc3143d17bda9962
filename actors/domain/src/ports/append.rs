//! Appends: a decided command on its way into the journal, and the outcome.

use std::future::Future;
use std::pin::Pin;

use fritzy_types::{Deadline, ShardId, ShardLease};

use crate::{
    CommandId, EntityId, Event, EventId, ExternalReference, Fingerprint, Position, State, Version,
};

/// A decided command, to be made durable atomically.
#[derive(Clone, Debug)]
pub struct Append {
    /// The right to write to the shard.
    pub lease: ShardLease,
    /// The entity of the events.
    pub entity: EntityId,
    /// The entity's version before; 0 for a creation. The first event gets the next one. At any
    /// other version the append fails with [`AppendError::Conflict`].
    pub expected_version: Version,
    /// The command that was decided; stored with each event.
    pub command: CommandId,
    /// The hash of the request, if it has an idempotency key. A keyed creation is unique by its
    /// command over all shards (invariant I8).
    pub fingerprint: Option<Fingerprint>,
    /// The events with their ids; at least one.
    pub events: Vec<(EventId, Event)>,
    /// The fold of all events of the entity, including these. Becomes its state row in the same
    /// transaction (invariant I5).
    pub state: State,
    /// The append is dropped if the write has not begun by then.
    pub deadline: Deadline,
}

/// Where an append was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendOutcome {
    /// The position of the first event.
    pub first: Position,
    /// The version of the entity after the append.
    pub version: Version,
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The entity is at another version, or the keyed creation exists already.
    #[error("the entity is not at the version this command was decided on")]
    Conflict,
    /// Another node has claimed the shard since.
    #[error("shard {0} has a newer owner")]
    Fenced(ShardId),
    /// Another entity has the external reference.
    #[error("{holder} has the external reference")]
    ReferenceTaken {
        /// The entity that has it.
        holder: EntityId,
    },
    /// The queue of the committer is full.
    #[error("the journal's queue is full")]
    Overloaded,
    /// The deadline passed before the write began.
    #[error("the deadline passed before the write began")]
    Expired,
    /// The store has failed.
    #[error("the store could not write: {reason}")]
    Unavailable {
        /// The error message of the store.
        reason: String,
        /// Whether the events are certainly not in the journal, now and later.
        certainly_not_written: bool,
    },
}

impl Append {
    /// Whether it writes the annotations of its entity.
    pub fn annotates(&self) -> bool {
        self.events.iter().any(|(_, event)| event.annotates())
    }

    /// The external reference that it takes, or keeps while it writes annotations.
    pub fn claimed_reference(&self) -> Option<&ExternalReference> {
        let reference = self.state.held_reference();
        reference.filter(|_| self.annotates())
    }
}

impl AppendError {
    /// Whether the events are certainly not in the journal, now and later.
    pub const fn certainly_not_written(&self) -> bool {
        match self {
            Self::Conflict
            | Self::Fenced(_)
            | Self::ReferenceTaken { .. }
            | Self::Overloaded
            | Self::Expired => true,
            Self::Unavailable {
                certainly_not_written,
                ..
            } => *certainly_not_written,
        }
    }
}

/// An append in flight. It is queued in the order of the calls, before this future is returned, and
/// continues if the future is dropped.
pub type Appending = Pin<Box<dyn Future<Output = Result<AppendOutcome, AppendError>> + Send>>;
