//! What the stores in memory hold.

use std::collections::{BTreeMap, HashMap};

use fritzy_domain::{CommandId, Cursor, EntityId, RecordedEvent, State, Stored};
use fritzy_types::{Epoch, NodeId, NodeRecord, ShardCount, ShardId, ShardLease};
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct MemoryState {
    /// Of the first stores on this memory.
    pub(super) shards: Option<ShardCount>,
    /// Shards that were claimed once.
    pub(super) owners: HashMap<ShardId, Owned>,
    pub(super) nodes: BTreeMap<NodeId, Member>,
    /// Counts the changes of nodes and owners.
    pub(super) version: u64,
    pub(super) journal: HashMap<ShardId, Vec<RecordedEvent>>,
    pub(super) states: BTreeMap<EntityId, Stored<State>>,
    pub(super) cursors: BTreeMap<(String, ShardId), Cursor>,
    /// What each keyed creation made.
    pub(super) creations: HashMap<CommandId, EntityId>,
}

/// Who owns a shard.
#[derive(Clone, Copy, Default)]
pub(super) struct Owned {
    pub(super) owner: Option<NodeId>,
    pub(super) epoch: u64,
}

/// A node that has joined.
pub(super) struct Member {
    pub(super) record: NodeRecord,
    pub(super) fenced_at: Option<Instant>,
}

impl MemoryState {
    pub(super) fn owned(&self, shard: ShardId) -> Owned {
        self.owners.get(&shard).copied().unwrap_or_default()
    }

    /// Gives a shard to `owner`, raising its epoch.
    pub(super) fn hand_to(&mut self, owner: NodeId, shard: ShardId) -> ShardLease {
        let owned = self.owners.entry(shard).or_default();
        owned.owner = Some(owner);
        owned.epoch += 1;
        ShardLease {
            shard,
            owner,
            epoch: Epoch(owned.epoch),
        }
    }

    /// Whether a lease is the newest of its shard.
    pub(super) fn holds(&self, lease: &ShardLease) -> bool {
        let owned = self.owned(lease.shard);
        owned.owner == Some(lease.owner) && Epoch(owned.epoch) == lease.epoch
    }

    /// Whether a node has joined, not left, and was not fenced.
    pub(super) fn lives(&self, node: NodeId) -> bool {
        let member = self.nodes.get(&node);
        member.is_some_and(|member| !member.record.fenced)
    }
}
