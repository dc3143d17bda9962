//! The data that the actors of a node, and those of a shard, share.

use std::sync::Arc;

use fritzy_cluster::{LeaseGeneration, LocalLease};
use fritzy_domain::Journal;
use fritzy_types::{Failure, ShardLease};

use crate::messages::ShardReply;
use crate::pulse::Pulse;
use crate::shell::activation::Activations;
use crate::shell::entity_limit::EntityLimit;

/// Shared by the actors of all shards of a node.
pub(crate) struct NodeContext {
    pub(crate) journal: Journal,
    pub(crate) activations: Activations,
    pub(crate) entity_limit: EntityLimit,
    /// The right to send replies that no commit proves.
    pub(crate) local_lease: LocalLease,
    /// Requests that may wait for one entity.
    pub(crate) entity_queue_max: usize,
}

/// Shared by the actors of one shard.
#[derive(Clone)]
pub(crate) struct ShardContext {
    pub(crate) lease: ShardLease,
    /// Shows that the shard's actor answers.
    pub(crate) pulse: Pulse,
    pub(crate) node: Arc<NodeContext>,
    /// The generation of the local lease in which the shard was started.
    pub(crate) generation: LeaseGeneration,
    /// Whether the shard's previous supervisor died: appends of its entities may still be in
    /// flight.
    pub(crate) after_crash: bool,
}

impl ShardContext {
    /// Passes a reply that no commit of this node proves: another node may have taken the shard and
    /// committed since the state was read. While the lease holds, none has (invariant I3).
    pub(crate) fn under_lease(&self, reply: ShardReply) -> Result<ShardReply, Failure> {
        if self.node.local_lease.holds_in(self.generation) {
            Ok(reply)
        } else {
            let lapsed = "this node's lease has lapsed; another node may own its shards";
            Err(Failure::Unavailable(lapsed.into()))
        }
    }
}
