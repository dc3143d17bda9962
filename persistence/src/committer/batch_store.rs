//! What a committer and a store say to each other.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Append, CursorMove, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use uuid::Uuid;

/// An append with the position of its first event.
#[derive(Clone, Copy)]
pub(crate) struct Numbered<'a> {
    pub(crate) append: &'a Append,
    pub(crate) first: Position,
}

/// Why a batch was not written. The whole of it is absent, unless the last case says otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// These leases are not the newest of their shards.
    Fenced(Vec<ShardLease>),
    /// The appends at these indexes meet something that exists already.
    Conflicts(Vec<usize>),
    /// The store refuses something in the batch without saying what.
    Refused(String),
    /// The store cannot write just now; the batch is absent, now and later. It may be tried again.
    Again { reason: String, after: Duration },
    /// The store failed.
    Failed {
        reason: String,
        certainly_not_written: bool,
    },
}

/// A store that writes batches. It has one caller, which waits for each answer.
#[async_trait]
pub(crate) trait BatchStore: Send + 'static {
    /// The highest position of each shard, 0 for none. Asked after the shard was claimed, so that an
    /// earlier owner can add nothing behind the answer.
    async fn heads(&mut self, shards: &[ShardId])
    -> Result<HashMap<ShardId, Position>, BatchError>;

    /// Writes events and states of the whole batch durably, or nothing. Refuses it when any lease in
    /// it is not the newest. No two appends of a batch are of one entity or of one keyed command.
    async fn commit(&mut self, batch: &[Numbered<'_>]) -> Result<(), BatchError>;

    /// Saves cursors of a projection durably, and answers the shards whose cursors were not saved: their leases are not
    /// the newest, or the cursors were set by hand meanwhile.
    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError>;

    /// Makes sure that no batch of which it was said that nothing is known can still be written.
    async fn be_certain(&mut self) -> Result<(), BatchError> {
        Ok(())
    }

    /// Puts the store away, in order.
    async fn close(self);
}

/// The leases of a batch, each once, in ascending order of shards.
pub(crate) fn leases(batch: &[Numbered<'_>]) -> Vec<ShardLease> {
    let mut leases: Vec<ShardLease> = batch.iter().map(|numbered| numbered.append.lease).collect();
    leases.sort_unstable_by_key(|lease| (lease.shard, lease.epoch));
    leases.dedup();
    leases
}

/// A keyed creation is unique by its command over all shards.
pub(crate) fn creation_key(append: &Append) -> Option<Uuid> {
    let keyed_creation = append.after == 0 && append.fingerprint.is_some();
    keyed_creation.then(|| *append.command.as_uuid())
}
