//! The port through which requests reach the shards of this node.

use std::future::Future;

use fritzy_types::{Deadline, Failure, ShardId};

use crate::protocol::codec::Unreadable;
use crate::protocol::frame::WIRE_MIN;

/// Why a host returns no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError<R> {
    /// The shard does not run here, or not any more. The request was not started, and is returned.
    NotHere(R),
    /// The shard failed to handle the request.
    Failed(Failure),
}

/// Runs the shards that a node owns.
///
/// Bodies of requests and replies are encoded for the version of the wire format that both nodes
/// have agreed on: a peer that supports an older one only must be able to decode them.
pub trait ShardHost: Send + Sync + 'static {
    /// A request to a shard.
    type Request: Clone + Send + Sync;
    /// The shard's reply, which may be a rejection as well.
    type Reply: Send + Sync;

    /// Sends a request to one of this node's shards. Returns by the deadline.
    fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Reply, HostError<Self::Request>>> + Send;

    /// Whether a request may be sent again when its outcome is unknown.
    fn is_idempotent(request: &Self::Request) -> bool;

    /// The oldest version of the wire format that every node must know before the request may be
    /// handled by any. What it writes would be lost on older nodes, or would stop them.
    fn required_wire(_request: &Self::Request) -> u16 {
        WIRE_MIN
    }

    /// Encodes a request for another node, without its deadline.
    fn encode_request(request: &Self::Request, wire: u16) -> Vec<u8>;

    /// Decodes a request from another node.
    ///
    /// # Errors
    /// [`Unreadable`] when a newer version of the program encoded it.
    fn decode_request(
        bytes: &[u8],
        deadline: Deadline,
        wire: u16,
    ) -> Result<Self::Request, Unreadable>;

    /// Encodes a reply for another node.
    fn encode_reply(reply: &Self::Reply, wire: u16) -> Vec<u8>;

    /// Decodes a reply from another node.
    ///
    /// # Errors
    /// [`Unreadable`] when a newer version of the program encoded it.
    fn decode_reply(bytes: &[u8], wire: u16) -> Result<Self::Reply, Unreadable>;
}
