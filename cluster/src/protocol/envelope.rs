//! The layout of frames in each version of the wire format. From version 3 on, each message is in
//! an envelope, which says what is waiting for it: one that cannot be decoded costs no other
//! message of its frame, and no request waits for its deadline because of it.
//!
//! Published layouts never change. A changed one is a new version, next to those before.

use bincode::{BorrowDecode, Encode};
use fritzy_types::NodeId;

use crate::protocol::codec::{Unreadable, pack, unpack, unpack_first};
use crate::protocol::frame::{Frame, Message, WIRE_MAX, WIRE_MIN, node_id};

/// The version whose frames are one value.
const WHOLE: u16 = 2;

/// The connection that a frame belongs to. In every version, it follows the version's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameOrigin {
    /// The sending node.
    pub(crate) from: NodeId,
    /// The number of the connection.
    pub(crate) connection: u64,
}

/// A frame as it was received.
#[derive(Debug, PartialEq)]
pub(crate) struct ReceivedFrame {
    pub(crate) origin: FrameOrigin,
    pub(crate) messages: Vec<Result<Message, UnreadableMessage>>,
}

/// A message that cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnreadableMessage {
    pub(crate) purpose: Purpose,
    pub(crate) reason: Unreadable,
}

/// What waits for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The sender waits for the reply to its request of this number.
    Request(u64),
    /// A request of the receiver waits for it.
    Reply(u64),
    /// Nothing does.
    Notice,
}

/// A frame of which nothing can be decoded, except perhaps its connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnreadableFrame {
    pub(crate) origin: Option<FrameOrigin>,
    pub(crate) reason: Unreadable,
}

/// A frame of version 3.
#[derive(Encode, BorrowDecode)]
struct Envelopes<'b> {
    from: [u8; 16],
    connection: u64,
    envelopes: Vec<Envelope<'b>>,
}

/// A message in its envelope.
#[derive(Encode, BorrowDecode)]
struct Envelope<'b> {
    /// 1 for requests, 2 for replies. Receivers treat all others as notices.
    purpose: u8,
    /// The number of the request; 0 for notices.
    id: u64,
    message: &'b [u8],
}

impl Purpose {
    const fn of(message: &Message) -> Self {
        match message {
            Message::Request(request) => Self::Request(request.id),
            Message::Reply { id, .. } => Self::Reply(*id),
            Message::OwnershipUpdates(_)
            | Message::Ping(_)
            | Message::Pong(_)
            | Message::GoAway
            | Message::GoAwayAck
            | Message::Rebalance => Self::Notice,
        }
    }

    const fn code(self) -> (u8, u64) {
        match self {
            Self::Notice => (0, 0),
            Self::Request(id) => (1, id),
            Self::Reply(id) => (2, id),
        }
    }

    const fn from_code(purpose: u8, id: u64) -> Self {
        match purpose {
            1 => Self::Request(id),
            2 => Self::Reply(id),
            _ => Self::Notice,
        }
    }
}

/// Encodes a frame in wire format `version`, one of those that this program supports.
pub(crate) fn encode(frame: &Frame, version: u16) -> Vec<u8> {
    let mut bytes = version.to_le_bytes().to_vec();
    if version == WHOLE {
        bytes.append(&mut pack(frame));
        return bytes;
    }
    let messages: Vec<_> = frame.messages.iter().map(pack).collect();
    let envelopes = frame.messages.iter().zip(&messages);
    let envelopes = envelopes.map(|(message, bytes)| {
        let (purpose, id) = Purpose::of(message).code();
        let message = bytes.as_slice();
        Envelope {
            purpose,
            id,
            message,
        }
    });
    let envelopes = Envelopes {
        from: frame.from,
        connection: frame.connection,
        envelopes: envelopes.collect(),
    };
    bytes.append(&mut pack(&envelopes));
    bytes
}

/// Decodes a frame of any version that this program supports.
pub(crate) fn decode(bytes: &[u8]) -> Result<ReceivedFrame, UnreadableFrame> {
    let (version, rest) = bytes.split_first_chunk::<2>().ok_or(UnreadableFrame {
        origin: None,
        reason: Unreadable("it has no version".into()),
    })?;
    let version = u16::from_le_bytes(*version);
    let received = if !(WIRE_MIN..=WIRE_MAX).contains(&version) {
        Err(Unreadable(format!("its version is {version}")))
    } else if version == WHOLE {
        decode_whole(rest)
    } else {
        decode_envelopes(rest)
    };
    received.map_err(|reason| UnreadableFrame {
        origin: origin(rest),
        reason,
    })
}

fn origin(bytes: &[u8]) -> Option<FrameOrigin> {
    let ((from, connection), _) = unpack_first(bytes).ok()?;
    let from = node_id(from);
    Some(FrameOrigin { from, connection })
}

fn decode_whole(bytes: &[u8]) -> Result<ReceivedFrame, Unreadable> {
    let frame: Frame = unpack(bytes)?;
    Ok(ReceivedFrame {
        origin: FrameOrigin {
            from: node_id(frame.from),
            connection: frame.connection,
        },
        messages: frame.messages.into_iter().map(Ok).collect(),
    })
}

fn decode_envelopes(bytes: &[u8]) -> Result<ReceivedFrame, Unreadable> {
    let (frame, read): (Envelopes<'_>, usize) = unpack_first(bytes)?;
    let messages = frame.envelopes.iter().map(|envelope| {
        let purpose = Purpose::from_code(envelope.purpose, envelope.id);
        let message: Message =
            unpack(envelope.message).map_err(|reason| UnreadableMessage { purpose, reason })?;
        if Purpose::of(&message) == purpose {
            return Ok(message);
        }
        let reason = Unreadable("its envelope belongs to another message".into());
        Err(UnreadableMessage { purpose, reason })
    });
    let mut messages: Vec<_> = messages.collect();
    if read < bytes.len() {
        let over = bytes.len() - read;
        messages.push(Err(UnreadableMessage {
            purpose: Purpose::Notice,
            reason: Unreadable(format!("{over} bytes follow the frame")),
        }));
    }
    Ok(ReceivedFrame {
        origin: FrameOrigin {
            from: node_id(frame.from),
            connection: frame.connection,
        },
        messages,
    })
}

#[cfg(test)]
mod tests;
