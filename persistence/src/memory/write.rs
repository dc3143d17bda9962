//! Batches in memory: checked whole, then applied whole.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Position, RecordedEvent, Stored};
use fritzy_types::{ShardId, StorageError};

use super::Shared;
use super::state::MemoryState;
use crate::committer::{BatchError, BatchStore, Numbered, leases};

pub(super) struct MemoryBatches(pub(super) Shared);

#[async_trait]
impl BatchStore for MemoryBatches {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        let state = self.0.lock().expect("no writer panics");
        let head = |shard: &ShardId| {
            let stream = state.journal.get(shard);
            (
                *shard,
                stream
                    .and_then(|s| s.last())
                    .map_or(0, |last| last.position),
            )
        };
        Ok(shards.iter().map(head).collect())
    }

    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError> {
        let mut state = self.0.lock().expect("no writer panics");
        let mut refused = Vec::new();
        for CursorMove { lease, cursor } in moves {
            let key = (projection.to_owned(), lease.shard);
            let held = state.holds(lease);
            let goes_on =
                |kept: &Cursor| kept.resets == cursor.resets && kept.position <= cursor.position;
            if held && state.cursors.get(&key).is_none_or(goes_on) {
                state.cursors.insert(key, cursor.clone());
            } else {
                refused.push(lease.shard);
            }
        }
        Ok(refused)
    }

    async fn close(self) {}

    async fn commit(&mut self, batch: &[Numbered<'_>]) -> Result<(), BatchError> {
        let mut state = self.0.lock().expect("no writer panics");
        let fenced: Vec<_> = leases(batch)
            .into_iter()
            .filter(|lease| !state.holds(lease))
            .collect();
        if !fenced.is_empty() {
            return Err(BatchError::Fenced(fenced));
        }
        let conflicts: Vec<usize> = (0..batch.len())
            .filter(|&index| conflicts(&state, &batch[index]))
            .collect();
        if !conflicts.is_empty() {
            return Err(BatchError::Conflicts(conflicts));
        }
        for numbered in batch {
            apply(&mut state, numbered);
        }
        Ok(())
    }
}

fn conflicts(state: &MemoryState, numbered: &Numbered<'_>) -> bool {
    let append = numbered.append;
    let version = state
        .states
        .get(&append.entity)
        .map_or(0, |stored| stored.version);
    let keyed_creation = append.expected_version == 0 && append.fingerprint.is_some();
    version != append.expected_version || keyed_creation && state.creations.contains_key(&append.command)
}

fn apply(state: &mut MemoryState, Numbered { append, first }: &Numbered<'_>) {
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
