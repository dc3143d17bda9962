//! Shards: the unit of ownership. A shard has one owner, one ordered stream, and one committer.

use std::fmt;

use crate::Slot;

/// The number of one shard, `0..count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many shards a database has; fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// 1 024: enough to spread over a hundred nodes evenly, few enough to keep one actor for each.
    pub const DEFAULT: Self = Self(1024);

    /// A count of at least 1 and at most 32 768 (slots have 65 536 values; every shard needs some).
    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= 32_768 {
            Some(Self(count))
        } else {
            None
        }
    }

    /// The number of shards.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The shard of a routing key. Slots are random or hashed already, so a remainder distributes
    /// them evenly.
    pub const fn shard_of(self, slot: Slot) -> ShardId {
        ShardId(slot.0 % self.0)
    }

    /// Every shard, in ascending order.
    pub fn all(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }
}
