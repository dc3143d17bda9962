//! Who owns a shard. The owner alone may append to it; the epoch proves it at every commit.

use async_trait::async_trait;

use crate::{NodeId, ShardCount, ShardId, StorageError};

/// How many times a shard has changed hands. Only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The right to append to one shard, until somebody else claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardLease {
    /// The shard.
    pub shard: ShardId,
    /// The node that claimed it.
    pub owner: NodeId,
    /// The claim's number: a commit under an older one is refused (invariant I3).
    pub epoch: Epoch,
}

/// The table of shards and owners.
#[async_trait]
pub trait Ownership: Send + Sync {
    /// How many shards this database has.
    fn shard_count(&self) -> ShardCount;

    /// Takes `shards` for `owner` from whoever holds them, raising each one's epoch. From then on no
    /// commit under an earlier lease succeeds. The caller has made sure that earlier owners are gone.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store does not answer; nothing is taken then.
    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError>;
}
