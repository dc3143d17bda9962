//! The messages between nodes. A frame holds those that were queued for one peer: many requests and
//! replies share a frame, and each request gets a reply of its own.

use bincode::{Decode, Encode};
use fritzy_types::{Epoch, Failure, NodeId, ShardId};
use uuid::Uuid;

/// The oldest version of the wire format that this program supports. A node with no version in
/// common is rejected; otherwise the newest common version is used.
pub const WIRE_MIN: u16 = 2;
/// The newest version of the wire format that this program supports:
///
/// - 2: a frame is one value. If one message in it cannot be decoded, none can.
/// - 3: each message is in an envelope, so that it can be replied to even if it cannot be decoded.
///   The bodies of creations and states end with their annotations.
pub const WIRE_MAX: u16 = 3;

/// What one dispatcher receives in one piece.
#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) struct Frame {
    /// The id of the sending node.
    pub(crate) from: [u8; 16],
    /// The number of the connection, the same on both sides. Frames wait in mailboxes, and may be
    /// read when another connection between the same nodes has begun, where the same numbers mean
    /// other requests.
    pub(crate) connection: u64,
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) enum Message {
    Request(Request),
    Reply {
        /// The number of the request.
        id: u64,
        reply: Reply,
    },
    /// Shards have changed owners.
    OwnershipUpdates(Vec<OwnershipUpdate>),
    /// Expects a [`Self::Pong`] with the same number at once.
    Ping(u64),
    Pong(u64),
    /// The sender is leaving: it must be sent no more requests.
    GoAway,
    /// The reply to [`Self::GoAway`]: no request follows.
    GoAwayAck,
    /// Shards must move to their assigned nodes, without waiting until the nodes have been the same
    /// for a while.
    Rebalance,
}

#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) struct Request {
    /// The sender's number for it.
    pub(crate) id: u64,
    pub(crate) shard: u16,
    /// The time until the deadline in milliseconds. Clocks differ, so no timestamp is sent.
    pub(crate) remaining_ms: u32,
    /// The trace that this request is a part of, after W3C's Trace Context.
    pub(crate) trace: Option<Trace>,
    /// The request, as the host encodes it.
    pub(crate) body: Vec<u8>,
}

/// A trace context, after W3C's Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trace {
    /// The id of the trace.
    pub trace: [u8; 16],
    /// The id of the requesting span.
    pub span: [u8; 8],
    /// The trace flags; bit 0 says that the trace is sampled.
    pub flags: u8,
}

impl Trace {
    /// The id of the trace as logs have it, in hexadecimal digits.
    pub fn id(&self) -> String {
        hex::encode(self.trace)
    }

    /// The id of the requesting span, in hexadecimal digits.
    pub fn parent(&self) -> String {
        hex::encode(self.span)
    }
}

/// The reply of another node to one request.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Reply {
    /// The shard's reply, as the host encodes it.
    Success(Vec<u8>),
    /// The shard does not run there. Nothing was done.
    NotOwner {
        /// The owner, if the node knows one.
        hint: Option<OwnershipUpdate>,
    },
    /// The request could not be decoded. Nothing was done.
    Unreadable(String),
    /// The shard failed to handle the request.
    Failed(WireFailure),
}

impl Reply {
    /// The kind of reply, for the log.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Success(_) => "reply",
            Self::NotOwner { .. } => "not owner",
            Self::Unreadable(_) => "unreadable",
            Self::Failed(_) => "failed",
        }
    }
}

/// The owner of a shard from an epoch on.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub struct OwnershipUpdate {
    pub(crate) shard: u16,
    pub(crate) owner: Option<[u8; 16]>,
    pub(crate) epoch: u64,
}

impl OwnershipUpdate {
    pub(crate) fn new(shard: ShardId, owner: Option<NodeId>, epoch: Epoch) -> Self {
        Self {
            shard: shard.0,
            owner: owner.map(|owner| *owner.as_uuid().as_bytes()),
            epoch: epoch.0,
        }
    }

    pub(crate) fn owner(&self) -> Option<NodeId> {
        self.owner.map(node_id)
    }
}

pub(crate) fn node_id(bytes: [u8; 16]) -> NodeId {
    NodeId::from_uuid(Uuid::from_bytes(bytes))
}

/// A [`Failure`] in a frame. It has a type of its own, so that [`Failure`] may change without the
/// wire format.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum WireFailure {
    /// Stands for [`Failure::Unavailable`], with its reason.
    Unavailable(String),
    /// Stands for [`Failure::Overloaded`]: nothing was written.
    Overloaded,
    /// Stands for [`Failure::DeadlineExceeded`]: a write may have happened.
    DeadlineExceeded,
    /// Stands for [`Failure::OutcomeUnknown`], with its reason.
    OutcomeUnknown(String),
    /// Stands for [`Failure::Internal`]: a write may have happened.
    Internal,
    /// Stands for [`Failure::NotOwner`]: nothing was written.
    NotOwner,
}

impl From<Failure> for WireFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(reason) => Self::Unavailable(reason),
            Failure::Overloaded => Self::Overloaded,
            Failure::DeadlineExceeded => Self::DeadlineExceeded,
            Failure::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            Failure::Internal => Self::Internal,
            Failure::NotOwner => Self::NotOwner,
        }
    }
}

impl From<WireFailure> for Failure {
    fn from(failure: WireFailure) -> Self {
        match failure {
            WireFailure::Unavailable(reason) => Self::Unavailable(reason),
            WireFailure::Overloaded => Self::Overloaded,
            WireFailure::DeadlineExceeded => Self::DeadlineExceeded,
            WireFailure::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            WireFailure::Internal => Self::Internal,
            WireFailure::NotOwner => Self::NotOwner,
        }
    }
}

/// The newest version that both nodes support, `None` when there is none.
pub(crate) fn negotiate_version(theirs_min: u16, theirs_max: u16) -> Option<u16> {
    let version = theirs_max.min(WIRE_MAX);
    (version >= WIRE_MIN && version >= theirs_min).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation_picks_the_newest_common_version() {
        assert_eq!(negotiate_version(WIRE_MIN, WIRE_MAX), Some(WIRE_MAX));
        assert_eq!(negotiate_version(WIRE_MIN, WIRE_MAX + 3), Some(WIRE_MAX));
        assert_eq!(negotiate_version(WIRE_MAX + 1, WIRE_MAX + 3), None);
        assert_eq!(negotiate_version(0, WIRE_MIN - 1), None);
    }
}
