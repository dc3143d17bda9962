//! How events are numbered: by their position in a shard and by the version of their entity.

/// The number of an event in its shard: 1, 2, 3 … without a gap (invariant I2).
pub type Position = u64;
/// The number of an event in its entity: 1, 2, 3 … without a gap (invariant I2).
pub type Version = u64;
