//! Projections: whatever follows the journal with an effect of its own, once at least for each event, in the order of
//! each shard.
//!
//! A projection takes events and says later which effects are certain. The [runner](runner) hands it what is committed:
//! from the committer's feed while it keeps up, from the journal where it does not. A durable cursor for each shard says
//! where it goes on after a restart.

mod actor;
mod assignment;
mod clock;
mod event_loop;
mod progress;
mod runner;
mod shard_progress;
mod status;

use async_trait::async_trait;
use fritzy_domain::{CommandId, EntityId, Event, EventId, Position, RecordedEvent, Version};
use fritzy_types::ShardId;

pub use actor::Projections;
pub use status::ProjectionStatus;

/// An event on its way to a projection.
#[derive(Clone, Copy, Debug)]
pub struct ProjectedEvent<'a> {
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
    /// What happened.
    pub event: &'a Event,
}

impl<'a> From<&'a RecordedEvent> for ProjectedEvent<'a> {
    fn from(recorded: &'a RecordedEvent) -> Self {
        Self {
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
    /// In this shard, the effects of all up to this position are certain.
    UpTo(ShardId, Position),
    /// The event there cannot have its effect, and will not by trying again.
    Poisoned {
        /// Its shard.
        shard: ShardId,
        /// Its position.
        position: Position,
        /// Why, for those who have to decide what becomes of it.
        reason: String,
    },
}

/// A projection that is of no use any more: what it had not said to be done is given to a new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProjectionError(pub String);

/// An effect for each event.
#[async_trait]
pub trait Projection: Send {
    /// Takes an event; those of a shard come in order. Waits for room, and is not given up while it waits. Events behind a
    /// poisoned one may still come, and are to have no effect until [`Self::forget`].
    ///
    /// # Errors
    /// [`ProjectionError`]
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError>;

    /// Waits for what is done next. Nothing is lost when the wait is given up. Positions of a shard only grow, and none
    /// behind a poisoned one is done.
    ///
    /// # Errors
    /// [`ProjectionError`]
    async fn done(&mut self) -> Result<Ack, ProjectionError>;

    /// Forgets what was taken of a shard: its cursor was set by hand, or it was left to another node. What comes of it
    /// later comes from a cursor again.
    fn forget(&mut self, shard: ShardId);
}

/// Where a projection that has no cursor yet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the first event of all.
    Start,
    /// With what comes from now on.
    Now,
}

/// How to start a projection, at first and after it broke.
#[async_trait]
pub trait ProjectionStart: Send + Sync + 'static {
    /// Its name, by which its cursors are kept.
    fn name(&self) -> &'static str;

    /// Where it begins.
    fn begin(&self) -> Begin;

    /// Starts it.
    ///
    /// # Errors
    /// [`ProjectionError`]
    async fn start(&self) -> Result<Box<dyn Projection>, ProjectionError>;
}
