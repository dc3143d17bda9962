//! Creating stores in memory.

use std::sync::Arc;

use fritzy_domain::{Journal, PrimaryOnly, ReadModel};
use fritzy_types::ShardCount;

use super::cursors::MemoryCursors;
use super::journal::MemoryJournal;
use super::membership::MemoryMembership;
use super::ownership::MemoryOwnership;
use super::read_model::MemoryReadModel;
use super::state::SharedMemoryStore;
use super::topic_bindings::MemoryTopicBindings;
use super::write::MemoryBatches;
use crate::committer::{Committer, CommitterConfig};
use crate::stores::{StoreEngine, Stores};

/// Settings of the stores in memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryConfig {
    /// Number of shards. Default [`ShardCount::DEFAULT`].
    pub shards: ShardCount,
    /// Limits of the committer.
    pub committer: CommitterConfig,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            shards: ShardCount::DEFAULT,
            committer: CommitterConfig::default(),
        }
    }
}

impl Stores {
    /// Creates empty stores in memory.
    pub fn in_memory(config: MemoryConfig) -> Self {
        Self::in_shared_memory(config, &SharedMemoryStore::default())
    }

    /// Creates stores on a memory that others may use at the same time, each with a committer of
    /// its own.
    ///
    /// # Panics
    /// When the memory was first used with another number of shards.
    pub fn in_shared_memory(config: MemoryConfig, memory: &SharedMemoryStore) -> Self {
        let shards = config.shards;
        let first = memory.change(|state| *state.shards.get_or_insert(shards));
        assert_eq!(first, shards, "one memory has one number of shards");
        let batches = MemoryBatches::new(memory.clone());
        let committer = Committer::start(config.committer, batches);
        let read_model: Arc<dyn ReadModel> = Arc::new(MemoryReadModel::new(memory.clone()));
        let journal = MemoryJournal::new(memory.clone(), committer.clone());
        Self {
            journal: Journal::of(Arc::new(journal)),
            replicas: Arc::new(PrimaryOnly(read_model.clone())),
            read_model,
            ownership: Arc::new(MemoryOwnership::new(memory.clone(), shards)),
            cursors: Arc::new(MemoryCursors::new(memory.clone(), committer.clone())),
            topic_bindings: Arc::new(MemoryTopicBindings::new(memory.clone())),
            membership: Some(Arc::new(MemoryMembership::new(memory.clone(), shards))),
            database: String::new(),
            engine: StoreEngine::in_memory(committer),
        }
    }
}
