//! Which node owns which shard, as far as this node knows.

use std::sync::RwLock;

use fritzy_domain::{NodeId, ShardCount, ShardId, ShardLease, Slot};

/// The owners of all shards. Shared; changed as ownership moves.
#[derive(Debug)]
pub struct ShardMap {
    count: ShardCount,
    owners: RwLock<Vec<Option<NodeId>>>,
}

impl ShardMap {
    /// A map in which no shard has an owner.
    pub fn new(count: ShardCount) -> Self {
        Self {
            count,
            owners: RwLock::new(vec![None; usize::from(count.get())]),
        }
    }

    /// The shard of a routing key.
    pub const fn shard_of(&self, slot: Slot) -> ShardId {
        self.count.shard_of(slot)
    }

    /// Who owns a shard.
    pub fn owner(&self, shard: ShardId) -> Option<NodeId> {
        self.owners.read().expect("no writer panics")[usize::from(shard.0)]
    }

    /// Notes claims that have succeeded.
    pub fn record(&self, leases: &[ShardLease]) {
        let mut owners = self.owners.write().expect("no writer panics");
        for lease in leases {
            owners[usize::from(lease.shard.0)] = Some(lease.owner);
        }
    }
}
