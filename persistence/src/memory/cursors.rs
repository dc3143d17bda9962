//! The cursors of projections in memory.

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, StorageError};

use super::state::SharedMemoryStore;
use crate::committer::Committer;

pub(super) struct MemoryCursors {
    memory: SharedMemoryStore,
    committer: Committer,
}

impl MemoryCursors {
    pub(super) const fn new(memory: SharedMemoryStore, committer: Committer) -> Self {
        Self { memory, committer }
    }
}

#[async_trait]
impl Cursors for MemoryCursors {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
        Ok(self.memory.read(|state| {
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
        Ok(self.memory.change(|state| {
            let stored = state.cursors.get_mut(&(projection.to_owned(), shard));
            let exists = stored.is_some();
            if let Some(stored) = stored {
                stored.position = position;
                stored.resets += 1;
                stored.stopped = None;
            }
            exists
        }))
    }
}
