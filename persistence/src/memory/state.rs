//! The shared state of stores in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use fritzy_domain::{
    CommandId, Cursor, EntityId, ExternalReference, Kind, RecordedEvent, State, Stored,
};
use fritzy_types::{Epoch, NodeId, NodeRecord, ShardCount, ShardId, ShardLease};
use tokio::time::Instant;
use uuid::Uuid;

/// The memory behind one or several stores, as one database is behind several nodes. Clones share
/// it.
#[derive(Clone, Default)]
pub struct SharedMemoryStore(Arc<Mutex<MemoryState>>);

impl fmt::Debug for SharedMemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemoryStore").finish_non_exhaustive()
    }
}

impl SharedMemoryStore {
    /// Where it is in this process.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&MemoryState) -> T) -> T {
        read(&self.0.lock().expect("no writer panics"))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut MemoryState) -> T) -> T {
        change(&mut self.0.lock().expect("no writer panics"))
    }
}

/// The tables of a database, as collections.
#[derive(Default)]
pub(super) struct MemoryState {
    /// Set by the first stores on this memory.
    pub(super) shards: Option<ShardCount>,
    /// Shards that were claimed at least once.
    pub(super) owners: HashMap<ShardId, Owned>,
    pub(super) nodes: BTreeMap<NodeId, Member>,
    /// Counts the changes of nodes and owners.
    pub(super) version: u64,
    pub(super) journal: HashMap<ShardId, Vec<RecordedEvent>>,
    pub(super) states: BTreeMap<EntityId, Stored<State>>,
    pub(super) cursors: BTreeMap<(String, ShardId), Cursor>,
    /// By the id of the topics, in the order in which they were first bound.
    pub(super) topic_bindings: Vec<BoundTopics>,
    /// The entity that each keyed creation has created.
    pub(super) creations: HashMap<CommandId, EntityId>,
}

/// The owner of a shard, `None` after a release, and its epoch.
#[derive(Clone, Copy, Default)]
pub(super) struct Owned {
    pub(super) owner: Option<NodeId>,
    pub(super) epoch: u64,
}

/// Topics that were bound: their tokens, and when these were set.
pub(super) struct BoundTopics {
    pub(super) topics: Uuid,
    pub(super) tokens: Vec<Uuid>,
    pub(super) changed: Instant,
}

pub(super) struct Member {
    pub(super) record: NodeRecord,
    pub(super) fenced_at: Option<Instant>,
}

impl MemoryState {
    /// The events of a shard, by position.
    pub(super) fn stream(&self, shard: ShardId) -> &[RecordedEvent] {
        let stream = self.journal.get(&shard);
        stream.map(Vec::as_slice).unwrap_or_default()
    }

    /// The entity of a kind that has an external reference.
    pub(super) fn holder(
        &self,
        kind: Kind,
        reference: &ExternalReference,
    ) -> Option<&Stored<State>> {
        self.states.values().find(|stored| {
            stored.state.id().kind() == kind && stored.state.held_reference() == Some(reference)
        })
    }

    pub(super) fn owned(&self, shard: ShardId) -> Owned {
        self.owners.get(&shard).copied().unwrap_or_default()
    }

    /// Assigns a shard to `owner`, and raises its epoch.
    pub(super) fn assign(&mut self, owner: NodeId, shard: ShardId) -> ShardLease {
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

    /// Whether a node has joined, has not left, and is not fenced.
    pub(super) fn is_live(&self, node: NodeId) -> bool {
        let member = self.nodes.get(&node);
        member.is_some_and(|member| !member.record.fenced)
    }
}
