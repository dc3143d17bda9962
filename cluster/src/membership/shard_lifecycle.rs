//! The port through which membership starts and stops the shards of a node.

use async_trait::async_trait;
use fritzy_types::{Failure, ShardId, ShardLease};

/// Starts and stops the shards of a node as its membership acquires and releases them.
#[async_trait]
pub trait ShardLifecycle: Send + Sync + 'static {
    /// Starts shards under these leases.
    ///
    /// # Errors
    /// [`Failure`] when a shard cannot be started; none of them runs then.
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure>;

    /// Stops shards in order: no new request is accepted, and those accepted are finished and
    /// written.
    async fn stop(&self, shards: &[ShardId]);

    /// Stops all shards at once, because others own them. Takes a second or two at most; no shard
    /// replies afterwards.
    async fn abandon(&self);
}
