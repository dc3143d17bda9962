//! The bytes of frames, and frames that cannot be decoded.

use fritzy_testbed::{GoldenFile, require_all, variants};

use ractor::Message as _;
use ractor::message::SerializedMessage;

use super::*;
use crate::protocol::frame::{OwnershipUpdate, Reply, Request, Trace, WireFailure};
use crate::protocol::gate_message::GateMessage;

const FROM: [u8; 16] = [1; 16];

fn frame(messages: Vec<Message>) -> Frame {
    Frame {
        from: FROM,
        connection: 0x0123_4567_89ab_cdef,
        messages,
    }
}

fn requests() -> Vec<(&'static str, Request)> {
    let request = |trace| Request {
        id: 300,
        shard: 1_023,
        remaining_ms: 10_000,
        trace,
        body: vec![0, 255],
    };
    let trace = Trace {
        trace: [5; 16],
        span: [6; 8],
        flags: 1,
    };
    vec![("traced", request(Some(trace))), ("plain", request(None))]
}

fn update(owner: Option<[u8; 16]>) -> OwnershipUpdate {
    OwnershipUpdate {
        shard: 700,
        owner,
        epoch: 1 << 40,
    }
}

fn failures() -> Vec<(&'static str, WireFailure)> {
    let failures = vec![
        ("Unavailable", WireFailure::Unavailable("no".into())),
        ("Overloaded", WireFailure::Overloaded),
        ("DeadlineExceeded", WireFailure::DeadlineExceeded),
        ("OutcomeUnknown", WireFailure::OutcomeUnknown("lost".into())),
        ("Internal", WireFailure::Internal),
        ("NotOwner", WireFailure::NotOwner),
    ];
    let all = variants!(WireFailure: Unavailable, Overloaded, DeadlineExceeded, OutcomeUnknown,
        Internal, NotOwner);
    require_all(all, failures.iter().map(|(_, failure)| failure));
    failures
}

fn replies() -> Vec<(String, Reply)> {
    let owned = Some(update(Some([3; 16])));
    let mut replies = vec![
        ("Success".into(), Reply::Success(vec![1, 2, 3])),
        ("NotOwner".into(), Reply::NotOwner { hint: None }),
        ("NotOwner.hint".into(), Reply::NotOwner { hint: owned }),
        ("Unreadable".into(), Reply::Unreadable("what".into())),
    ];
    let failed = failures().into_iter();
    replies.extend(failed.map(|(name, failure)| {
        let name = format!("Failed.{name}");
        (name, Reply::Failed(failure))
    }));
    let all = variants!(Reply: Success, NotOwner, Unreadable, Failed);
    require_all(all, replies.iter().map(|(_, reply)| reply));
    replies
}

/// Every message, with its name in the golden file.
fn messages() -> Vec<(String, Message)> {
    let updates = vec![update(Some([3; 16])), update(None)];
    let mut messages = vec![
        (
            "OwnershipUpdates".into(),
            Message::OwnershipUpdates(updates),
        ),
        ("Ping".into(), Message::Ping(70_000)),
        ("Pong".into(), Message::Pong(70_000)),
        ("GoAway".into(), Message::GoAway),
        ("GoAwayAck".into(), Message::GoAwayAck),
        ("Rebalance".into(), Message::Rebalance),
    ];
    for (name, request) in requests() {
        messages.push((format!("Request.{name}"), Message::Request(request)));
    }
    for (name, reply) in replies() {
        let reply = Message::Reply { id: 300, reply };
        messages.push((format!("Reply.{name}"), reply));
    }
    let all = variants!(Message: Request, Reply, OwnershipUpdates, Ping, Pong, GoAway, GoAwayAck,
        Rebalance);
    require_all(all, messages.iter().map(|(_, message)| message));
    messages
}

/// The frame of a decoded one, all of whose messages were decoded.
fn sent(received: ReceivedFrame) -> Result<Frame, String> {
    let messages = received.messages.into_iter();
    let messages: Result<Vec<_>, _> = messages.collect();
    Ok(Frame {
        from: *received.origin.from.as_uuid().as_bytes(),
        connection: received.origin.connection,
        messages: messages.map_err(|unreadable| unreadable.reason.to_string())?,
    })
}

#[test]
fn frames_have_their_golden_bytes_in_every_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/frames.txt");
    let mut golden = GoldenFile::read(path);
    for version in WIRE_MIN..=WIRE_MAX {
        let mut all = Vec::new();
        let frames = messages()
            .into_iter()
            .map(|(name, message)| (name, frame(vec![message])));
        let frames = frames.chain([("several".into(), {
            all.extend(messages().into_iter().take(3).map(|(_, message)| message));
            frame(all)
        })]);
        for (name, frame) in frames.collect::<Vec<_>>() {
            let bytes = encode(&frame, version);
            golden.compare(&format!("v{version} {name}"), &bytes, |bytes| {
                let received = decode(bytes).map_err(|frame| frame.reason.to_string())?;
                Ok(encode(&sent(received)?, version))
            });
        }
    }
    // ractor sends a frame under the name of its variant.
    let message = GateMessage::Frame(vec![1, 2]);
    let Ok(SerializedMessage::Cast { variant, args, .. }) = message.serialize() else {
        panic!("frames have no reply");
    };
    for (name, bytes) in [
        ("gate variant", variant.as_bytes()),
        ("gate arguments", &args),
    ] {
        golden.compare(name, bytes, |golden| Ok(golden.to_vec()));
    }
    golden.finish();
}

#[test]
fn truncated_frames_and_unknown_versions_are_unreadable() {
    let all: Vec<Message> = messages().into_iter().map(|(_, message)| message).collect();
    for version in WIRE_MIN..=WIRE_MAX {
        let bytes = encode(&frame(all.iter().map(copy).collect()), version);
        for cut in 0..bytes.len() {
            assert!(
                decode(&bytes[..cut]).is_err(),
                "{cut} bytes of version {version}"
            );
        }
        for unknown in [WIRE_MIN - 1, WIRE_MAX + 1] {
            let other = [&unknown.to_le_bytes()[..], &bytes[2..]].concat();
            let unreadable = decode(&other).expect_err("an unknown version");
            let origin = unreadable.origin.expect("it is at the same place");
            assert_eq!(origin.connection, frame(vec![]).connection);
            assert_eq!(*origin.from.as_uuid().as_bytes(), FROM);
        }
    }
}

fn copy(message: &Message) -> Message {
    unpack(&pack(message)).expect("it was just encoded")
}

/// A frame of the newest version with these envelopes.
fn enveloped(envelopes: &[(u8, u64, &[u8])]) -> Vec<u8> {
    let envelopes = envelopes.iter().map(|(purpose, id, message)| Envelope {
        purpose: *purpose,
        id: *id,
        message,
    });
    let frame = Envelopes {
        from: FROM,
        connection: 7,
        envelopes: envelopes.collect(),
    };
    [&WIRE_MAX.to_le_bytes()[..], &pack(&frame)].concat()
}

#[test]
fn unreadable_message_costs_no_other_of_its_frame() {
    let (ping, request) = (Message::Ping(1), Message::Request(requests().remove(0).1));
    let (ping, request) = (pack(&ping), pack(&request));
    let longer = [&request[..], &[0]].concat();
    // Of a newer version: a variant, a request with one more field, and a purpose.
    let bytes = enveloped(&[
        (0, 0, &ping),
        (1, 8, &[99, 1, 2]),
        (1, 300, &longer),
        (2, 9, &[]),
        (0, 0, &[99]),
        (77, 10, &[99]),
        (1, 301, &request),
        (1, 300, &request),
    ]);
    let received = decode(&[&bytes[..], &[5]].concat())
        .expect("a frame")
        .messages;
    let purposes: Vec<Option<Purpose>> = received
        .iter()
        .map(|message| Some(message.as_ref().err()?.purpose))
        .collect();
    let expected = [
        None,
        Some(Purpose::Request(8)),
        Some(Purpose::Request(300)),
        Some(Purpose::Reply(9)),
        Some(Purpose::Notice),
        Some(Purpose::Notice),
        Some(Purpose::Request(301)),
        None,
        // The byte behind the frame.
        Some(Purpose::Notice),
    ];
    assert_eq!(purposes, expected, "{received:?}");
}
