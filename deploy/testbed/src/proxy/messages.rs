//! Splits the bytes of a client into messages of PostgreSQL's protocol (version 3), where it is
//! that protocol.
//!
//! See "Message Formats" in PostgreSQL's documentation: a connection begins with packets of a
//! length and a code; afterwards, every message has a type, a length and a body.

use super::statements::Statements;

/// Bytes of a type and a length.
const HEAD_BYTES: usize = 5;

/// Startup packets are short: PostgreSQL's own limit. Other protocols begin with what would be a
/// larger length.
const START_BYTES: std::ops::RangeInclusive<usize> = 8..=10_000;

/// A longer message is forwarded in pieces, and so is the rest of its connection.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The code of a startup packet: the protocol's version, 3.0 to 3.x.
const VERSION: std::ops::RangeInclusive<u32> = 0x0003_0000..=0x0003_ffff;

/// Requests encryption. The server may refuse; then a startup packet follows.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// One message of a client. In traffic that is not PostgreSQL's, or is encrypted: what was read at
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMessage {
    kind: Option<u8>,
    bytes: Vec<u8>,
    executes: Option<String>,
    ends_group_with: Vec<String>,
}

impl ClientMessage {
    /// The letter of its type, such as `Q`, `P`, `B`, `E`, `S`; `None` for a startup packet and for
    /// other traffic.
    #[must_use]
    pub fn kind(&self) -> Option<char> {
        self.kind.map(char::from)
    }

    /// The whole message, type and length included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of the statement that this message executes: a `Query`, or an `Execute` of a
    /// statement prepared earlier on this connection.
    #[must_use]
    pub fn executes(&self) -> Option<&str> {
        self.executes.as_deref()
    }

    /// The texts of all statements of the group that this message ends: for a `Sync`, those since
    /// the last one; for a `Query`, its own. Empty for other messages.
    #[must_use]
    pub fn ends_group_with(&self) -> &[String] {
        &self.ends_group_with
    }
}

/// Collects the bytes of one client into whole messages.
#[derive(Debug, Default)]
pub(super) struct Messages {
    phase: Phase,
    buffer: Vec<u8>,
    statements: Statements,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the whole startup packet has arrived.
    #[default]
    Starting,
    Typed,
    /// Not PostgreSQL's, or encrypted.
    Opaque,
}

impl Messages {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of a message that is not complete.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The next complete message.
    pub(super) fn next_whole(&mut self) -> Option<ClientMessage> {
        match self.phase {
            Phase::Starting => self.next_start(),
            Phase::Typed => self.next_typed(),
            Phase::Opaque => self.take_all(),
        }
    }

    fn next_start(&mut self) -> Option<ClientMessage> {
        let length = number(&self.buffer, 0)? as usize;
        if !START_BYTES.contains(&length) {
            self.phase = Phase::Opaque;
            return self.take_all();
        }
        let code = number(&self.buffer, 4)?;
        match code {
            SSL_REQUEST | GSS_REQUEST => {}
            code if VERSION.contains(&code) && self.buffer.len() >= length => {
                self.phase = Phase::Typed
            }
            code if VERSION.contains(&code) => return None,
            _ => {
                self.phase = Phase::Opaque;
                return self.take_all();
            }
        }
        Some(untyped(self.take(length)?))
    }

    fn next_typed(&mut self) -> Option<ClientMessage> {
        let length = number(&self.buffer, 1)? as usize + 1;
        if !(HEAD_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
            self.phase = Phase::Opaque;
            return self.take_all();
        }
        let bytes = self.take(length)?;
        let seen = self.statements.see(bytes[0], &bytes[HEAD_BYTES..]);
        Some(ClientMessage {
            kind: Some(bytes[0]),
            executes: seen.executes,
            ends_group_with: seen.ends_group_with,
            bytes,
        })
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        (self.buffer.len() >= length).then(|| self.buffer.drain(..length).collect())
    }

    fn take_all(&mut self) -> Option<ClientMessage> {
        (!self.buffer.is_empty()).then(|| untyped(std::mem::take(&mut self.buffer)))
    }
}

fn untyped(bytes: Vec<u8>) -> ClientMessage {
    ClientMessage {
        kind: None,
        bytes,
        executes: None,
        ends_group_with: Vec::new(),
    }
}

/// The big-endian number at this offset.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Vec<u8> {
        let body = b"user\0u\0\0";
        let mut packet = (8 + body.len() as u32).to_be_bytes().to_vec();
        packet.extend_from_slice(&0x0003_0000_u32.to_be_bytes());
        packet.extend_from_slice(body);
        packet
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend_from_slice(&(4 + body.len() as u32).to_be_bytes());
        message.extend_from_slice(body);
        message
    }

    fn all(messages: &mut Messages) -> Vec<ClientMessage> {
        std::iter::from_fn(|| messages.next_whole()).collect()
    }

    fn kinds(messages: &[ClientMessage]) -> Vec<Option<char>> {
        messages.iter().map(ClientMessage::kind).collect()
    }

    #[test]
    fn split_bytes_are_joined_to_whole_messages() {
        let sent = [start(), message(b'Q', b"COMMIT\0"), message(b'X', b"")].concat();
        let mut messages = Messages::default();
        let mut came = Vec::new();
        for byte in &sent {
            messages.push(&[*byte]);
            came.extend(all(&mut messages));
        }
        assert_eq!(kinds(&came), [None, Some('Q'), Some('X')]);
        assert_eq!(came[1].executes(), Some("COMMIT"));
        assert_eq!(came[1].ends_group_with(), ["COMMIT"]);
        let forwarded: Vec<u8> = came.iter().flat_map(|one| one.bytes().to_vec()).collect();
        assert_eq!(forwarded, sent);
    }

    #[test]
    fn prepared_statements_keep_their_text() {
        let mut messages = Messages::default();
        messages.push(&start());
        messages.push(&message(b'P', b"s1\0INSERT 1\0\0\0"));
        messages.push(&message(b'P', b"s2\0COMMIT\0\0\0"));
        messages.push(&message(b'S', b""));
        all(&mut messages);
        for _ in 0..2 {
            messages.push(&message(b'B', b"p\0s1\0\0\0\0\0\0\0"));
            messages.push(&message(b'E', b"p\0\0\0\0\0"));
            messages.push(&message(b'B', b"\0s2\0\0\0\0\0\0\0"));
            messages.push(&message(b'E', b"\0\0\0\0\0"));
            messages.push(&message(b'S', b""));
            let group = all(&mut messages);
            let executed: Vec<Option<&str>> = group.iter().map(ClientMessage::executes).collect();
            assert_eq!(
                executed,
                [None, Some("INSERT 1"), None, Some("COMMIT"), None]
            );
            assert_eq!(group[4].ends_group_with(), ["INSERT 1", "COMMIT"]);
            assert!(group[3].ends_group_with().is_empty());
        }
    }

    #[test]
    fn encryption_request_is_followed_by_a_startup_message() {
        let mut request = 8_u32.to_be_bytes().to_vec();
        request.extend_from_slice(&SSL_REQUEST.to_be_bytes());
        let mut messages = Messages::default();
        messages.push(&request);
        messages.push(&start());
        messages.push(&message(b'Q', b"SELECT 1\0"));
        assert_eq!(kinds(&all(&mut messages)), [None, None, Some('Q')]);
    }

    #[test]
    fn traffic_of_other_protocols_passes_unchanged() {
        let mut kafka = 30_u32.to_be_bytes().to_vec();
        kafka.extend_from_slice(&[0, 18, 0, 3, 0, 0, 0, 1]);
        let tls = vec![0x16, 3, 1, 2, 0, 1, 0];
        for first in [b"GET / HTTP/1.1\r\n".to_vec(), kafka, tls] {
            let mut messages = Messages::default();
            messages.push(&first);
            assert_eq!(all(&mut messages), [untyped(first)]);
            messages.push(b"more");
            assert_eq!(all(&mut messages), [untyped(b"more".to_vec())]);
        }
    }
}
