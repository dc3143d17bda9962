//! The events of a database one by one, and then the new ones: in order within each shard, without
//! gaps (invariant I2), and across shards by the time they were decided.
//!
//! A shard is an ordered stream, a database has many, and only time orders them among each other.
//! So the events that one poll finds are merged by time; those of the next poll follow.

mod cursor;
mod error;
mod event_tail;
mod start;

pub use cursor::{CursorError, TailCursor};
pub use error::TailError;
pub use event_tail::EventTail;
pub use start::TailFrom;
