//! The stores in memory: the same committer, nothing durable. For tests and for measuring what the
//! rest costs.

mod membership;
mod read;
mod state;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fritzy_domain::{
    Append, Appending, CommandId, CommandRecord, CommitFeed, Cursor, CursorMove, Cursors, EntityId,
    HeapSize, Journal, JournalReader, JournalWriter, MemoryBudget, Page, Position, PrimaryOnly,
    ReadModel, RecordedEvent, Version,
};
use fritzy_types::{NodeId, Ownership, ShardCount, ShardId, ShardLease, StorageError};
use uuid::Uuid;

use crate::committer::{Committer, CommitterConfig};
use crate::stores::Stores;
use state::MemoryState;
use write::MemoryBatches;

/// Settings of the stores in memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryConfig {
    /// How many shards.
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

type Shared = Arc<Mutex<MemoryState>>;

#[derive(Clone)]
pub(crate) struct MemoryStore {
    shards: ShardCount,
    state: Shared,
    committer: Committer,
}

/// A memory for several stores, as one database is for several nodes; its clones are the same.
#[derive(Clone, Default)]
pub struct SharedMemoryStore(Shared);

impl fmt::Debug for SharedMemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").finish_non_exhaustive()
    }
}

impl Stores {
    /// Empty stores in memory.
    pub fn in_memory(config: MemoryConfig) -> Self {
        Self::in_shared_memory(config, &SharedMemoryStore::default())
    }

    /// Stores on a memory that others may use at the same time, each with a committer of its own.
    ///
    /// # Panics
    /// When the memory was first used with another number of shards.
    pub fn in_shared_memory(config: MemoryConfig, memory: &SharedMemoryStore) -> Self {
        let SharedMemoryStore(state) = memory.clone();
        let first = *state
            .lock()
            .expect("no writer panics")
            .shards
            .get_or_insert(config.shards);
        assert_eq!(first, config.shards, "one memory has one number of shards");
        let committer = Committer::start(config.committer, MemoryBatches(state.clone()));
        let store = Arc::new(MemoryStore {
            shards: config.shards,
            state,
            committer: committer.clone(),
        });
        let journal = Journal::of(store.clone());
        let read_model: Arc<dyn ReadModel> = store.clone();
        Self {
            journal,
            copies: Arc::new(PrimaryOnly(read_model.clone())),
            read_model,
            ownership: store.clone(),
            cursors: store.clone(),
            membership: Some(store),
            generation: String::new(),
            committer,
            behind: None,
        }
    }
}

impl MemoryStore {
    fn read<T>(&self, look: impl FnOnce(&MemoryState) -> T) -> T {
        look(&self.state.lock().expect("no writer panics"))
    }
}

#[async_trait]
impl Ownership for MemoryStore {
    fn shard_count(&self) -> ShardCount {
        self.shards
    }

    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError> {
        let mut state = self.state.lock().expect("no writer panics");
        let claimed = shards.iter().map(|&shard| state.hand_to(owner, shard));
        Ok(claimed.collect())
    }
}

#[async_trait]
impl Cursors for MemoryStore {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
        Ok(self.read(|state| {
            let all = state.cursors.iter();
            let of_it = all.filter(|((name, _), _)| name == projection);
            of_it.map(|(_, cursor)| cursor.clone()).collect()
        }))
    }

    async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError> {
        self.committer.save_cursors(projection, moves).await
    }

    async fn set_cursor(
        &self,
        projection: &str,
        shard: ShardId,
        position: Position,
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock().expect("no writer panics");
        let kept = state.cursors.get_mut(&(projection.to_owned(), shard));
        let is_there = kept.is_some();
        if let Some(kept) = kept {
            kept.position = position;
            kept.resets += 1;
            kept.stopped = None;
        }
        Ok(is_there)
    }
}

#[async_trait]
impl JournalWriter for MemoryStore {
    fn append(&self, append: Append) -> Appending {
        self.committer.append(append)
    }

    async fn barrier(&self) {
        self.committer.barrier().await;
    }
}

#[async_trait]
impl JournalReader for MemoryStore {
    fn feed(&self) -> Box<dyn CommitFeed> {
        self.committer.feed()
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        Ok(self.read(|state| {
            let streams = state.journal.iter();
            let head = |(shard, events): (&ShardId, &Vec<RecordedEvent>)| {
                Some((*shard, events.last()?.position))
            };
            streams.filter_map(head).collect()
        }))
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        Ok(self.read(|state| {
            let stream = state
                .journal
                .get(&shard)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let behind = stream
                .iter()
                .skip_while(|recorded| recorded.position <= after);
            behind.take(limit as usize).cloned().collect()
        }))
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        Ok(self.read(|state| {
            let stream = state
                .journal
                .get(&shard)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let of_entity =
                |recorded: &&RecordedEvent| recorded.entity == entity && recorded.version <= until;
            stream.iter().filter(of_entity).cloned().collect()
        }))
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let found: Vec<RecordedEvent> = self.read(|state| {
            let stream = state
                .journal
                .get(&shard)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let of_entity = |recorded: &&RecordedEvent| {
                *recorded.entity.as_uuid() == id && recorded.version > page.skip
            };
            let page = stream.iter().filter(of_entity).take(page.take as usize);
            page.cloned().collect()
        });
        for recorded in &found {
            room.take(recorded.bytes())?;
        }
        Ok(found)
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        Ok(self.read(|state| {
            let stream = state
                .journal
                .get(&shard)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let last = stream
                .iter()
                .rfind(|recorded| recorded.command == command)?;
            Some(CommandRecord {
                entity: last.entity,
                version: last.version,
                fingerprint: last.fingerprint,
            })
        }))
    }
}
