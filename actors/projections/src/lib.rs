//! Projections: consumers of the journal that have an effect of their own. Each event is delivered
//! at least once, in the order of its shard.
//!
//! A projection takes events and acknowledges later which of their effects are durable. The runner
//! feeds it with committed events: from the committer's feed while it keeps up, from the journal
//! where it does not. A durable cursor for each shard says where it continues after a restart.

mod actor;
mod assignment;
mod clock;
mod context;
mod ended;
mod event_loop;
mod progress;
mod projection;
mod runner;
mod shard_progress;
mod status;
mod waiting;

pub use actor::Projections;
pub use projection::{Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart};
pub use status::ProjectionStatus;
