//! The bytes of the handshake, in which versions are negotiated: they are the same in every
//! version.

use fritzy_testbed::{GoldenFile, require_all, variants};

use super::*;
use crate::transport::shared::gate_group;

const NONCES: [&[u8; 16]; 2] = [&[7; 16], &[8; 16]];

fn identity() -> Identity {
    Identity {
        me: frame::node_id([1; 16]),
        name: "n1".into(),
        database: "db".into(),
        cookie: "a cookie of 24 characters".into(),
    }
}

/// Of a version of its own, so that the lines stay when the versions of this program change.
fn hello(to: Option<[u8; 16]>, is_probe: bool) -> Hello {
    Hello {
        to,
        is_probe,
        wire_min: 2,
        wire_max: 300,
        ..identity().hello(None, false)
    }
}

fn replies() -> Vec<(&'static str, HandshakeReply)> {
    let welcome = HandshakeReply::Welcome {
        hello: hello(None, false),
        proof: [9; 32],
    };
    vec![
        ("Welcome", welcome),
        ("OtherNode", HandshakeReply::OtherNode([4; 16])),
        ("Rejected", HandshakeReply::Rejected("why".into())),
    ]
}

fn again<T: Encode + Decode<()>>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let value: T = unpack(bytes).map_err(|unreadable| unreadable.to_string())?;
    Ok(pack(&value))
}

#[test]
fn handshake_has_its_golden_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/handshake.txt");
    let mut golden = GoldenFile::read(path);
    for (name, to, is_probe) in [("dial", Some([3; 16]), false), ("probe", None, true)] {
        let signed = SignedHello {
            hello: hello(to, is_probe),
            nonce: [8; 16],
            proof: [9; 32],
        };
        let name = format!("SignedHello.{name}");
        golden.compare(&name, &pack(&signed), again::<SignedHello>);
    }
    let replies = replies();
    let all = variants!(HandshakeReply: Welcome, OtherNode, Rejected);
    require_all(all, replies.iter().map(|(_, reply)| reply));
    for (name, reply) in &replies {
        golden.compare(name, &pack(reply), again::<HandshakeReply>);
    }
    // What is derived or compared, and not decoded.
    let proof = |side: &[u8]| {
        let mac = identity().mac(side, NONCES, &hello(None, false));
        mac.finalize().into_bytes().to_vec()
    };
    for (name, bytes) in [
        ("magic", MAGIC.to_vec()),
        ("proof of the dialing node", proof(b"call")),
        ("proof of the accepting node", proof(b"reply")),
        ("session cookie", identity().session_cookie().into_bytes()),
        (
            "connection number",
            connection_number([&[7; 16], &[9; 16]])
                .to_le_bytes()
                .to_vec(),
        ),
        (
            "group of dispatchers",
            gate_group(identity().me).into_bytes(),
        ),
    ] {
        golden.compare(name, &bytes, |golden| Ok(golden.to_vec()));
    }
    golden.finish();
}
