//! How events are numbered: by their position in a shard and by the version of their entity.

/// An event's number within its shard: 1, 2, 3 … without a gap (invariant I2).
pub type Position = u64;
/// An event's number within its entity: 1, 2, 3 … without a gap (invariant I2).
pub type Version = u64;
