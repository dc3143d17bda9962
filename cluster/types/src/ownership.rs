//! Who owns a shard. Only the owner may append to it; the epoch proves that at every commit.

use async_trait::async_trait;

use crate::{NodeId, ShardCount, ShardId, StorageError};

/// How many times a shard has changed owners. It only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The right to append to one shard, until another node claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardLease {
    /// Which shard it is.
    pub shard: ShardId,
    /// The node that claimed it.
    pub owner: NodeId,
    /// The number of the claim: a commit under an older one is refused (invariant I3).
    pub epoch: Epoch,
}

/// The table of shards and their owners.
#[async_trait]
pub trait Ownership: Send + Sync {
    /// How many shards this database has.
    fn shard_count(&self) -> ShardCount;

    /// Claims `shards` for `owner` from their present owners, and raises each one's epoch. From then on
    /// no commit under an earlier lease succeeds. The caller has made sure that earlier owners have
    /// ended.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store does not respond; nothing is claimed then.
    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError>;
}
