//! What nodes say to each other. A frame holds whatever had gathered for one peer: many asks and answers share the
//! way, and each is answered by itself.

use bincode::{Decode, Encode};
use fritzy_types::{Epoch, Failure, NodeId, ShardId};
use uuid::Uuid;

use crate::protocol::codec::{Unreadable, pack, unpack};

/// The oldest and newest form of frames that this program understands. A node that speaks none of ours is not let in; with
/// the others, the newest that both understand is spoken.
pub const WIRE_MIN: u16 = 2;
/// See [`WIRE_MIN`].
pub const WIRE_MAX: u16 = 2;

/// One message between gates.
#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) struct Frame {
    /// Who speaks.
    pub(crate) from: [u8; 16],
    /// Over which connection, by the number that both sides know it by. Frames wait in mailboxes, and can be read when another
    /// connection between the same nodes has begun, where their numbers mean other asks.
    pub(crate) connection: u64,
    /// What it says.
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) enum Message {
    Request(Request),
    Reply {
        /// The ask's number.
        id: u64,
        reply: Reply,
    },
    /// Shards have changed hands.
    OwnershipUpdates(Vec<OwnershipUpdate>),
    /// To be answered at once.
    Ping(u64),
    Pong(u64),
    /// The speaker is leaving: it is to be asked nothing more.
    GoAway,
    /// Nothing is asked behind this.
    GoAwayAck,
    /// Somebody wants shards to move to where they should be, without waiting for the nodes to be the same for a while.
    Rebalance,
}

#[derive(Debug, PartialEq, Encode, Decode)]
pub(crate) struct Request {
    /// The asker's number for it.
    pub(crate) id: u64,
    pub(crate) shard: u16,
    /// Until nobody waits any more, in milliseconds: clocks differ, so no moment travels.
    pub(crate) remaining_ms: u32,
    /// The request that this is part of, by W3C's trace context: its id, the span that asks, and flags.
    pub(crate) trace: Option<Trace>,
    /// The request, as the host writes it.
    pub(crate) body: Vec<u8>,
}

/// A trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trace {
    /// The trace's id.
    pub trace: [u8; 16],
    /// The span's that asks.
    pub span: [u8; 8],
    /// Its flags.
    pub flags: u8,
}

impl Trace {
    /// The trace's id as logs have it, in hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&self.trace)
    }

    /// The same of the span that asks.
    pub fn parent(&self) -> String {
        hex(&self.span)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The response of another node to one request.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Reply {
    /// As the host writes it.
    Success(Vec<u8>),
    /// The shard is not here; its owner is, as far as is known. Nothing was done.
    NotOwner { hint: Option<OwnershipUpdate> },
    /// The ask could not be read. Nothing was done.
    Unreadable(String),
    /// The host failed.
    Failed(WireFailure),
}

impl Reply {
    /// What it is, for the log.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Success(_) => "reply",
            Self::NotOwner { .. } => "not owner",
            Self::Unreadable(_) => "unreadable",
            Self::Failed(_) => "failed",
        }
    }
}

/// Who owns a shard from an epoch on.
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

/// A [`Failure`] in a frame. A form of its own, so that [`Failure`] may change without the frames.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum WireFailure {
    /// [`Failure::Unavailable`]
    Unavailable(String),
    /// [`Failure::Overloaded`]
    Overloaded,
    /// [`Failure::DeadlineExceeded`]
    DeadlineExceeded,
    /// [`Failure::OutcomeUnknown`]
    OutcomeUnknown(String),
    /// [`Failure::Internal`]
    Internal,
    /// [`Failure::NotOwner`]
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

impl Frame {
    /// The frame in the form of `version`.
    pub(crate) fn encode(&self, version: u16) -> Vec<u8> {
        let mut bytes = version.to_le_bytes().to_vec();
        bytes.append(&mut pack(self));
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (version, rest) = bytes
            .split_first_chunk::<2>()
            .ok_or_else(|| Unreadable("it has no version".into()))?;
        match u16::from_le_bytes(*version) {
            WIRE_MIN..=WIRE_MAX => unpack(rest),
            other => Err(Unreadable(format!("its version is {other}"))),
        }
    }
}

/// The newest form that both sides understand.
pub(crate) fn negotiate_version(theirs_min: u16, theirs_max: u16) -> Option<u16> {
    let version = theirs_max.min(WIRE_MAX);
    (version >= WIRE_MIN && version >= theirs_min).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_and_nothing_else_does() {
        let failed = Reply::Failed(WireFailure::OutcomeUnknown("lost".into()));
        let not_owner = Reply::NotOwner {
            hint: Some(OwnershipUpdate {
                shard: 7,
                owner: Some([3; 16]),
                epoch: 9,
            }),
        };
        let reply = |id, reply| Message::Reply { id, reply };
        let frame = Frame {
            from: [1; 16],
            connection: u64::MAX,
            messages: vec![
                Message::Request(Request {
                    id: 1,
                    shard: 1_023,
                    remaining_ms: 10_000,
                    trace: Some(Trace {
                        trace: [5; 16],
                        span: [6; 8],
                        flags: 1,
                    }),
                    body: vec![0, 255],
                }),
                reply(2, Reply::Success(vec![1])),
                reply(3, not_owner),
                reply(4, failed),
                Message::Ping(5),
                Message::Rebalance,
            ],
        };
        let bytes = frame.encode(WIRE_MAX);
        assert_eq!(Frame::decode(&bytes).as_ref(), Ok(&frame));
        for cut in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let newer = [&(WIRE_MAX + 1).to_le_bytes()[..], &bytes[2..]].concat();
        assert!(Frame::decode(&newer).is_err());
    }

    #[test]
    fn the_newest_form_that_both_understand_is_spoken() {
        assert_eq!(negotiate_version(WIRE_MIN, WIRE_MAX), Some(WIRE_MAX));
        assert_eq!(negotiate_version(WIRE_MIN, WIRE_MAX + 3), Some(WIRE_MAX));
        assert_eq!(negotiate_version(WIRE_MAX + 1, WIRE_MAX + 3), None);
        assert_eq!(negotiate_version(0, WIRE_MIN - 1), None);
    }
}
