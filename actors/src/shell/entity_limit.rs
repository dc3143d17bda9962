//! The limit on entities in memory, and their counts. The limit holds for the whole node, because
//! the load is not the same on all shards.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The limit on entities in memory, and the counts. Shared by all shards.
#[derive(Clone)]
pub(crate) struct EntityLimit {
    resident: Gauge,
    passivated: Counter,
    crashed: Counter,
    shards_restarted: Counter,
    max: usize,
    /// An entity that was not used for this long is passivated.
    pub(crate) idle_after: Duration,
}

/// Counts of a node's actors. All but `resident` count since the shop's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorCounts {
    /// Entities in memory now.
    pub resident: usize,
    /// Entities passivated: idle, absent, or the longest unused when the limit was exceeded.
    pub passivated: u64,
    /// Entity actors that died; each is restarted at its next use.
    pub crashed: u64,
    /// Shard supervisors that died; each is restarted at once.
    pub shards_restarted: u64,
}

impl EntityLimit {
    pub(crate) fn new(max: usize, idle_after: Duration) -> Self {
        let (resident, passivated, crashed, shards_restarted) = Default::default();
        Self {
            resident,
            passivated,
            crashed,
            shards_restarted,
            max,
            idle_after,
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let resident = "Entities in memory";
        registry.register("entities_resident", resident, self.resident.clone());
        let passivated = "Entities passivated: idle, absent, or over the limit";
        registry.register("entities_passivated", passivated, self.passivated.clone());
        let crashed = "Entity actors that died; each is restarted at its next use";
        registry.register("entity_crashes", crashed, self.crashed.clone());
        let restarted = "Shard supervisors that died and were restarted";
        registry.register("shard_restarts", restarted, self.shards_restarted.clone());
    }

    /// Counts a started entity.
    pub(crate) fn started(&self) {
        self.resident.inc();
    }

    /// Counts an entity that has left memory.
    pub(crate) fn gone(&self, crashed: bool) {
        self.resident.dec();
        if crashed {
            self.crashed.inc();
        }
    }

    /// Counts a restarted shard supervisor.
    pub(crate) fn shard_restarted(&self) {
        self.shards_restarted.inc();
    }

    /// Counts an entity that was sent its stop.
    pub(crate) fn passivated(&self) {
        self.passivated.inc();
    }

    /// Whether a shard that has just started an entity should passivate another. Keeps the limit up
    /// to one entity in each shard.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.counts().resident > self.max
    }

    pub(crate) fn counts(&self) -> ActorCounts {
        ActorCounts {
            resident: usize::try_from(self.resident.get()).unwrap_or(0),
            passivated: self.passivated.get(),
            crashed: self.crashed.get(),
            shards_restarted: self.shards_restarted.get(),
        }
    }
}
