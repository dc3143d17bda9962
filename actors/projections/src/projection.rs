//! The port of this crate: what a projection implements, and what it is fed with.

use async_trait::async_trait;
use fritzy_domain::{
    CommandId, EntityId, Event, EventId, Generations, Position, RecordedEvent, Version,
};
use fritzy_types::ShardId;

/// An event on its way to a projection.
#[derive(Clone, Copy, Debug)]
pub struct ProjectedEvent<'a> {
    /// The shard of its entity.
    pub shard: ShardId,
    /// Its number in the shard, from 1.
    pub position: Position,
    /// The generation of the database in which it was written. Of two events at one position or
    /// version, the one of the later generation is valid.
    pub generation: u64,
    /// The entity that it belongs to.
    pub entity: EntityId,
    /// Its number in the entity, from 1.
    pub version: Version,
    /// Stable over redeliveries: consumers deduplicate by it.
    pub event_id: EventId,
    /// The command that caused it.
    pub command: CommandId,
    /// What happened to the entity, with the data of that event type.
    pub event: &'a Event,
}

impl<'a> ProjectedEvent<'a> {
    /// An event as it was read from the journal.
    pub(crate) fn recorded(recorded: &'a RecordedEvent, generations: &Generations) -> Self {
        Self {
            generation: generations.of(recorded.shard, recorded.position),
            shard: recorded.shard,
            position: recorded.position,
            entity: recorded.entity,
            version: recorded.version,
            event_id: recorded.event_id,
            command: recorded.command,
            event: &recorded.event,
        }
    }
}

/// What became of events that a projection has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// In this shard, the effects of all events up to and including this position are durable.
    UpTo(ShardId, Position),
    /// A poison message: the event there cannot have its effect, and retrying does not help.
    Poisoned {
        /// The shard of the event.
        shard: ShardId,
        /// The position of the event.
        position: Position,
        /// Why, for the operators who decide what becomes of it.
        reason: String,
    },
}

/// Why a projection is of no further use. What it has not acknowledged is delivered to a new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// It failed: each time, the log says so.
    #[error("{0}")]
    Failed(String),
    /// It must have no effect until somebody else decides otherwise. The log has this text once,
    /// when it begins to wait.
    #[error("{0}")]
    Waits(String),
}

/// An effect for each event.
#[async_trait]
pub trait Projection: Send {
    /// Takes an event; those of a shard are delivered in order. Waits for free capacity; the runner
    /// awaits the call to its end. Events behind a poisoned one may still be delivered. They must
    /// have no effect until [`Self::forget`].
    ///
    /// # Errors
    /// When the projection can take no more events and must be replaced.
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError>;

    /// Waits for the next acknowledgement. Cancel-safe: nothing is lost when the future is dropped.
    /// Positions of a shard only grow, and none behind a poisoned event is acknowledged.
    ///
    /// # Errors
    /// When the projection has failed and must be replaced.
    async fn next_ack(&mut self) -> Result<Ack, ProjectionError>;

    /// Forgets all events taken from a shard: its cursor was reset, or another node owns it now.
    /// Events taken from it later start at a cursor again.
    fn forget(&mut self, shard: ShardId);
}

/// Where a projection without a cursor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the first event of the journal.
    Start,
    /// With the first event committed from now on.
    Now,
}

/// Starts a projection: the first time, and again after each failure.
#[async_trait]
pub trait ProjectionStart: Send + Sync + 'static {
    /// The projection's name. Its cursors are stored under it.
    fn name(&self) -> &'static str;

    /// Where the projection begins if it has no cursor yet.
    fn begin(&self) -> Begin;

    /// Starts a new projection that has taken nothing. Its events are of these generations.
    ///
    /// # Errors
    /// When what the projection writes to is not reachable or not usable. The runner tries again.
    async fn start(
        &self,
        generations: &Generations,
    ) -> Result<Box<dyn Projection>, ProjectionError>;
}
