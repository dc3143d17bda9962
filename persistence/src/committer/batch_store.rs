//! What a committer requires from a store.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Append, CursorMove, EntityId, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use uuid::Uuid;

use super::step_clock::StepClock;

/// An append with the position of its first event.
#[derive(Clone, Copy)]
pub(crate) struct Sequenced<'a> {
    pub(crate) append: &'a Append,
    pub(crate) first: Position,
}

/// Why a batch was not written. No part of it was, unless `certainly_not_written` is false.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// These leases are not the newest of their shards.
    Fenced(Vec<ShardLease>),
    /// The appends at these indexes conflict with rows that exist.
    Conflicts(Vec<usize>),
    /// Other entities have the external references of these appends.
    ReferencesTaken(Vec<TakenReference>),
    /// The store rejects an append of the batch without naming it.
    Rejected(String),
    /// A transient failure: the batch is not written and never will be. It may be tried again.
    Retry { reason: String, after: Duration },
    /// The store failed, and the batch is not tried again.
    Failed {
        reason: String,
        certainly_not_written: bool,
    },
}

/// An append whose external reference another entity has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TakenReference {
    /// The index of the append in its batch.
    pub(crate) index: usize,
    /// The entity that has it.
    pub(crate) holder: EntityId,
}

/// A store that writes batches. Its one caller waits for each result.
#[async_trait]
pub(crate) trait BatchStore: Send + 'static {
    /// The highest position of each shard, 0 for an empty one. Called after the shard was claimed,
    /// so that an earlier owner can add nothing after the result.
    async fn heads(&mut self, shards: &[ShardId])
    -> Result<HashMap<ShardId, Position>, BatchError>;

    /// Writes events and states of the whole batch durably, or nothing. Rejects the batch when any
    /// lease in it is not the newest. No two appends of a batch have the same entity, the same keyed
    /// command, or claim the same external reference of a kind.
    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError>;

    /// Saves cursors of a projection durably. Returns the shards whose cursors were not saved:
    /// their leases are not the newest, or an operator has set the cursors meanwhile.
    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError>;

    /// Makes sure that no in-doubt batch can still be written.
    async fn ensure_resolved(&mut self) -> Result<(), BatchError> {
        Ok(())
    }

    /// For how long no command must come before [`Self::use_idle_time`] is called; `None` if the
    /// store has nothing to do by itself.
    fn idle_wait(&self) -> Option<Duration> {
        None
    }

    /// Does some work that no command waits for. Commands wait until it ends: it must be short.
    async fn use_idle_time(&mut self) {}

    /// Where the store says what it is doing. The default says nothing, and is not watched.
    fn clock(&self) -> StepClock {
        StepClock::default()
    }

    /// Closes the store gracefully.
    async fn close(self);
}

/// The leases of a batch without duplicates, in ascending order of shards.
pub(crate) fn leases(batch: &[Sequenced<'_>]) -> Vec<ShardLease> {
    let mut leases: Vec<ShardLease> = batch
        .iter()
        .map(|sequenced| sequenced.append.lease)
        .collect();
    leases.sort_unstable_by_key(|lease| (lease.shard, lease.epoch));
    leases.dedup();
    leases
}

/// The key that makes a keyed creation unique over all shards: its command.
pub(crate) fn creation_key(append: &Append) -> Option<Uuid> {
    let keyed_creation = append.expected_version == 0 && append.fingerprint.is_some();
    keyed_creation.then(|| *append.command.as_uuid())
}
