//! Nodes and shard owners in memory. Several stores on one memory are the nodes of a cluster in one
//! process.

use std::time::Duration;

use async_trait::async_trait;
use fritzy_types::{
    ClusterSnapshot, ClusterState, Epoch, JoinError, Membership, NewNode, NodeId, NodeRecord,
    ShardCount, ShardId, ShardLease, ShardOwner, StorageError,
};
use tokio::time::Instant;

use super::state::{Member, MemoryState, SharedMemoryStore};

/// Nodes that were fenced longer ago and own no shard are removed when another node joins.
const FENCED_RETENTION: Duration = Duration::from_secs(600);

pub(super) struct MemoryMembership {
    memory: SharedMemoryStore,
    shards: ShardCount,
}

impl MemoryMembership {
    pub(super) const fn new(memory: SharedMemoryStore, shards: ShardCount) -> Self {
        Self { memory, shards }
    }

    fn cluster_state(&self, state: &MemoryState) -> ClusterState {
        let shard = |shard| {
            let owned = state.owned(shard);
            ShardOwner {
                shard,
                owner: owned.owner,
                epoch: Epoch(owned.epoch),
            }
        };
        let members = state.nodes.values();
        ClusterState {
            nodes: members.map(|member| member.record.clone()).collect(),
            shards: self.shards.all().map(shard).collect(),
        }
    }
}

#[async_trait]
impl Membership for MemoryMembership {
    async fn join(&self, node: &NewNode) -> Result<(), JoinError> {
        self.memory.change(|state| {
            remove_old_fenced(state);
            let mut live = state.nodes.values().map(|member| &member.record);
            let same = live.find(|record| !record.fenced && record.node.name == node.name);
            match same {
                Some(same) if same.node.id == node.id => return Ok(()),
                Some(same) => return Err(JoinError::NameTaken(Box::new(same.clone()))),
                None => {}
            }
            if state.nodes.contains_key(&node.id) {
                let reason = "a node with this id was fenced".to_owned();
                return Err(StorageError::Unavailable(reason).into());
            }
            let record = NodeRecord {
                node: node.clone(),
                heartbeat: 0,
                fenced: false,
                draining: false,
            };
            let member = Member {
                record,
                fenced_at: None,
            };
            state.nodes.insert(node.id, member);
            state.version += 1;
            Ok(())
        })
    }

    async fn heartbeat(&self, id: NodeId) -> Result<bool, StorageError> {
        Ok(self.memory.change(|state| {
            let live = state.is_live(id);
            if let Some(member) = state.nodes.get_mut(&id).filter(|_| live) {
                member.record.heartbeat += 1;
            }
            live
        }))
    }

    async fn read_state(
        &self,
        known: Option<u64>,
        watched: &[NodeId],
    ) -> Result<ClusterSnapshot, StorageError> {
        Ok(self.memory.read(|state| {
            let live = watched.iter().filter(|id| state.is_live(**id));
            ClusterSnapshot {
                version: state.version,
                state: (known != Some(state.version)).then(|| self.cluster_state(state)),
                heartbeats: live
                    .map(|id| (*id, state.nodes[id].record.heartbeat))
                    .collect(),
            }
        }))
    }

    async fn fence(&self, id: NodeId, beat: u64) -> Result<bool, StorageError> {
        Ok(self.memory.change(|state| {
            let Some(member) = state.nodes.get_mut(&id) else {
                return true;
            };
            if !member.record.fenced && member.record.heartbeat == beat {
                member.record.fenced = true;
                member.fenced_at = Some(Instant::now());
                state.version += 1;
            }
            !state.is_live(id)
        }))
    }

    async fn fenced_for(&self) -> Result<Vec<(NodeId, Duration)>, StorageError> {
        Ok(self.memory.read(|state| {
            let members = state.nodes.iter();
            let age = |(id, member): (&NodeId, &Member)| Some((*id, member.fenced_at?.elapsed()));
            members.filter_map(age).collect()
        }))
    }

    async fn set_draining(&self, id: NodeId, draining: bool) -> Result<(), StorageError> {
        self.memory.change(|state| {
            if let Some(member) = state.nodes.get_mut(&id)
                && member.record.draining != draining
            {
                member.record.draining = draining;
                state.version += 1;
            }
        });
        Ok(())
    }

    async fn leave(&self, id: NodeId) -> Result<(), StorageError> {
        self.memory.change(|state| {
            if state.nodes.remove(&id).is_some() {
                state.version += 1;
            }
        });
        Ok(())
    }

    async fn acquire(
        &self,
        owner: NodeId,
        shards: &[(ShardId, Option<NodeId>)],
    ) -> Result<Vec<ShardLease>, StorageError> {
        Ok(self.memory.change(|state| {
            if !state.is_live(owner) {
                return vec![];
            }
            let mut free: Vec<ShardId> = shards
                .iter()
                .filter(|(shard, seen)| state.owned(*shard).owner == *seen)
                .filter(|(_, seen)| seen.is_none_or(|seen| !state.is_live(seen)))
                .map(|(shard, _)| *shard)
                .collect();
            free.sort_unstable();
            free.dedup();
            let taken: Vec<ShardLease> = free
                .into_iter()
                .map(|shard| state.assign(owner, shard))
                .collect();
            state.version += u64::from(!taken.is_empty());
            taken
        }))
    }

    async fn release(&self, owner: NodeId, shards: &[ShardId]) -> Result<(), StorageError> {
        self.memory.change(|state| {
            let mut released = false;
            for shard in shards {
                if let Some(owned) = state.owners.get_mut(shard)
                    && owned.owner == Some(owner)
                {
                    owned.owner = None;
                    released = true;
                }
            }
            state.version += u64::from(released);
        });
        Ok(())
    }
}

fn remove_old_fenced(state: &mut MemoryState) {
    let owners: Vec<NodeId> = state.owners.values().filter_map(|o| o.owner).collect();
    let before = state.nodes.len();
    state.nodes.retain(|id, member| {
        let is_old = |at: Instant| at.elapsed() > FENCED_RETENTION;
        !member.fenced_at.is_some_and(is_old) || owners.contains(id)
    });
    state.version += u64::from(state.nodes.len() < before);
}
