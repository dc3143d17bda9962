//! How many entities are in memory, and how many may be. One count for the node: a shard may hold
//! many while others hold none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The limit on entities in memory, and the count. Shared by all shards.
#[derive(Clone)]
pub(crate) struct Residents {
    counts: Arc<Counts>,
    max: usize,
    /// Unused for this long, an entity leaves.
    pub(crate) idle_after: Duration,
}

#[derive(Default)]
struct Counts {
    resident: AtomicUsize,
    passivated: AtomicU64,
    crashed: AtomicU64,
}

/// What `/metrics` says of the actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorCounts {
    /// Entities in memory now.
    pub resident: usize,
    /// Entities that left memory because they were idle or others needed the room, so far.
    pub passivated: u64,
    /// Actors of entities that died, so far; each was or will be started anew at its next use.
    pub crashed: u64,
}

impl Residents {
    pub(crate) fn new(max: usize, idle_after: Duration) -> Self {
        Self {
            counts: Arc::default(),
            max,
            idle_after,
        }
    }

    /// Notes a started entity.
    pub(crate) fn started(&self) {
        self.counts.resident.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes one that is gone.
    pub(crate) fn gone(&self, crashed: bool) {
        self.counts.resident.fetch_sub(1, Ordering::Relaxed);
        if crashed {
            self.counts.crashed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that one was told to leave.
    pub(crate) fn passivated(&self) {
        self.counts.passivated.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a shard that has just started an entity should let another go. The limit is kept but for
    /// one entity in each shard.
    pub(crate) fn too_many(&self) -> bool {
        self.counts.resident.load(Ordering::Relaxed) > self.max
    }

    pub(crate) fn counts(&self) -> ActorCounts {
        ActorCounts {
            resident: self.counts.resident.load(Ordering::Relaxed),
            passivated: self.counts.passivated.load(Ordering::Relaxed),
            crashed: self.counts.crashed.load(Ordering::Relaxed),
        }
    }
}
