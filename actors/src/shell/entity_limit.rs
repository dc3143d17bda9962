//! How many entities are in memory, and how many may be. One count for the node: a shard may hold
//! many while others hold none.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The limit on entities in memory, and the counts. Shared by all shards.
#[derive(Clone)]
pub(crate) struct Residents {
    resident: Gauge,
    passivated: Counter,
    crashed: Counter,
    shards_restarted: Counter,
    max: usize,
    /// Unused for this long, an entity leaves.
    pub(crate) idle_after: Duration,
}

/// How many entities are, left or died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorCounts {
    /// Entities in memory now.
    pub resident: usize,
    /// Entities that were told to leave because they were idle, absent, or others needed the room.
    pub passivated: u64,
    /// Actors of entities that died; each is started anew at its next use.
    pub crashed: u64,
    /// Supervisors of shards that died; each is started anew at once.
    pub shards_restarted: u64,
}

impl Residents {
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
        let passivated = "Entities that left memory, idle or to make room";
        registry.register("entities_passivated", passivated, self.passivated.clone());
        let crashed = "Entity actors that died and are started anew at their next use";
        registry.register("entity_crashes", crashed, self.crashed.clone());
        let restarted = "Shard supervisors that died and were started anew";
        registry.register("shard_restarts", restarted, self.shards_restarted.clone());
    }

    /// Notes a started entity.
    pub(crate) fn started(&self) {
        self.resident.inc();
    }

    /// Notes one that is gone.
    pub(crate) fn gone(&self, crashed: bool) {
        self.resident.dec();
        if crashed {
            self.crashed.inc();
        }
    }

    /// Notes a shard's supervisor that died.
    pub(crate) fn shard_restarted(&self) {
        self.shards_restarted.inc();
    }

    /// Notes that one was told to leave.
    pub(crate) fn passivated(&self) {
        self.passivated.inc();
    }

    /// Whether a shard that has just started an entity should let another go. The limit is kept but for
    /// one entity in each shard.
    pub(crate) fn too_many(&self) -> bool {
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
