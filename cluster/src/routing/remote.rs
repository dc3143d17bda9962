//! The port through which requests reach the shards of other nodes.

use std::time::Duration;

use async_trait::async_trait;
use fritzy_types::{Deadline, NodeId, ShardId};

use crate::protocol::frame::Reply;

/// Sends requests to other nodes.
#[async_trait]
pub trait Remote: Send + Sync {
    /// The id of this node.
    fn me(&self) -> NodeId;

    /// The version of the wire format that was agreed on with a connected node. It stays the same
    /// for as long as both nodes run: an upgraded node has another id.
    fn wire(&self, node: NodeId) -> Option<u16>;

    /// Sends an encoded request to a shard of the node `owner`.
    ///
    /// # Errors
    /// [`AskError`] when no reply arrives by the deadline, or the request cannot be sent.
    async fn ask(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        body: Vec<u8>,
    ) -> Result<Reply, AskError>;
}

/// Why a request to another node has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The request was not sent, so nothing was done.
    NotSent,
    /// Too many requests are in flight; this one was not sent.
    Overloaded,
    /// The connection was lost: the request may or may not have been done.
    ConnectionLost,
    /// A reply arrived that cannot be decoded: the request may or may not have been done.
    UnreadableReply,
    /// The deadline passed first.
    DeadlineExceeded,
}

/// A connected node, and what its last frames tell of the connection.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The id of the peer's current incarnation.
    pub node: NodeId,
    /// The round-trip time of the last ping; `None` before the first.
    pub round_trip: Option<Duration>,
    /// The time since the last frame from the peer.
    pub silent_for: Duration,
}
