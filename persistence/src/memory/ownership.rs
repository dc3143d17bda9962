//! Claims of shards in memory.

use async_trait::async_trait;
use fritzy_types::{NodeId, Ownership, ShardCount, ShardId, ShardLease, StorageError};

use super::state::SharedMemoryStore;

pub(super) struct MemoryOwnership {
    memory: SharedMemoryStore,
    shards: ShardCount,
}

impl MemoryOwnership {
    pub(super) const fn new(memory: SharedMemoryStore, shards: ShardCount) -> Self {
        Self { memory, shards }
    }
}

#[async_trait]
impl Ownership for MemoryOwnership {
    fn shard_count(&self) -> ShardCount {
        self.shards
    }

    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError> {
        Ok(self.memory.change(|state| {
            let claimed = shards.iter().map(|&shard| state.assign(owner, shard));
            claimed.collect()
        }))
    }
}
