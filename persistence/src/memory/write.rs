//! Batches in memory: checked as a whole, then applied as a whole.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Position, RecordedEvent, Stored};
use fritzy_types::{ShardId, StorageError};

use super::state::{MemoryState, SharedMemoryStore};
use crate::committer::{BatchError, BatchStore, Sequenced, TakenReference, leases};

pub(super) struct MemoryBatches {
    memory: SharedMemoryStore,
}

impl MemoryBatches {
    pub(super) const fn new(memory: SharedMemoryStore) -> Self {
        Self { memory }
    }
}

#[async_trait]
impl BatchStore for MemoryBatches {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        Ok(self.memory.read(|state| {
            let head = |shard: &ShardId| {
                let last = state.stream(*shard).last();
                (*shard, last.map_or(0, |last| last.position))
            };
            shards.iter().map(head).collect()
        }))
    }

    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError> {
        Ok(self.memory.change(|state| {
            let mut not_saved = Vec::new();
            for CursorMove { lease, cursor } in moves {
                let key = (projection.to_owned(), lease.shard);
                let held = state.holds(lease);
                let advances = |stored: &Cursor| {
                    stored.resets == cursor.resets && stored.position <= cursor.position
                };
                if held && state.cursors.get(&key).is_none_or(advances) {
                    state.cursors.insert(key, cursor.clone());
                } else {
                    not_saved.push(lease.shard);
                }
            }
            not_saved
        }))
    }

    async fn close(self) {}

    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        self.memory.change(|state| {
            let fenced: Vec<_> = leases(batch)
                .into_iter()
                .filter(|lease| !state.holds(lease))
                .collect();
            if !fenced.is_empty() {
                return Err(BatchError::Fenced(fenced));
            }
            let conflicts: Vec<usize> = (0..batch.len())
                .filter(|&index| conflicts(state, &batch[index]))
                .collect();
            if !conflicts.is_empty() {
                return Err(BatchError::Conflicts(conflicts));
            }
            let taken: Vec<TakenReference> = (0..batch.len())
                .filter_map(|index| taken(state, &batch[index], index))
                .collect();
            if !taken.is_empty() {
                return Err(BatchError::ReferencesTaken(taken));
            }
            for sequenced in batch {
                apply(state, sequenced);
            }
            Ok(())
        })
    }
}

fn conflicts(state: &MemoryState, sequenced: &Sequenced<'_>) -> bool {
    let append = sequenced.append;
    let version = state
        .states
        .get(&append.entity)
        .map_or(0, |stored| stored.version);
    let keyed_creation = append.expected_version == 0 && append.fingerprint.is_some();
    version != append.expected_version
        || keyed_creation && state.creations.contains_key(&append.command)
}

fn taken(state: &MemoryState, sequenced: &Sequenced<'_>, index: usize) -> Option<TakenReference> {
    let append = sequenced.append;
    let holder = state.holder(append.entity.kind(), append.claimed_reference()?)?;
    let holder = holder.state.id();
    (holder != append.entity).then_some(TakenReference { index, holder })
}

fn apply(state: &mut MemoryState, Sequenced { append, first }: &Sequenced<'_>) {
    let stream = state.journal.entry(append.lease.shard).or_default();
    let head = stream.last().map_or(0, |last| last.position);
    assert_eq!(*first, head + 1, "positions of a shard are contiguous (I2)");
    for (offset, (event_id, event)) in append.events.iter().enumerate() {
        stream.push(RecordedEvent {
            shard: append.lease.shard,
            position: first + offset as Position,
            entity: append.entity,
            version: append.expected_version + 1 + offset as u64,
            event_id: *event_id,
            command: append.command,
            fingerprint: append.fingerprint,
            event: event.clone(),
        });
    }
    if append.expected_version == 0 && append.fingerprint.is_some() {
        state.creations.insert(append.command, append.entity);
    }
    let version = append.expected_version + append.events.len() as u64;
    state.states.insert(
        append.entity,
        Stored {
            version,
            state: append.state.clone(),
        },
    );
}
