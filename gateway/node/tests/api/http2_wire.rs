//! An HTTP/2 connection by hand (RFC 9113), for what a client library would not do: leaving windows
//! closed, streams open and frames unfinished.

use std::net::SocketAddr;

use fritzy_testbed_shop::RESPONSE_TIME_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// The setting for the window that the peer has on each new stream.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame as received.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A connection. Everything is read at once; pings and settings are acknowledged.
pub(crate) struct Http2Wire {
    writer: UnboundedSender<Vec<u8>>,
    frames: UnboundedReceiver<Frame>,
}

impl Http2Wire {
    /// Connects, and leaves the node `window` bytes to send on each stream.
    pub(crate) async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let (reader, socket) = stream.into_split();
        let (writer, to_write) = unbounded_channel();
        let (received, frames) = unbounded_channel();
        tokio::spawn(write_all(socket, to_write));
        tokio::spawn(read_all(reader, received, writer.clone()));
        let wire = Self { writer, frames };
        wire.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend(window.to_be_bytes());
        wire.send(SETTINGS, 0, 0, &settings);
        wire
    }

    fn write(&self, bytes: Vec<u8>) {
        // A closed connection is what many tests wait for.
        let _ = self.writer.send(bytes);
    }

    pub(crate) fn send(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(frame(kind, flags, stream, payload));
    }

    /// A request without a body.
    pub(crate) fn get(&self, stream: u32, path: &str) {
        let flags = END_STREAM | END_HEADERS;
        self.send(HEADERS, flags, stream, &head(0x82, path, &[]));
    }

    /// A request for the head of a response.
    pub(crate) fn head(&self, stream: u32, path: &str) {
        // HPACK's static table has no entry for this method, but one for the name.
        let mut block = vec![2, 4];
        block.extend(b"HEAD");
        block.extend(&head(0x82, path, &[])[1..]);
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, &block);
    }

    /// A request of the API whose body follows.
    pub(crate) fn begin_post(&self, stream: u32) {
        let headers = [(31, "application/json"), (19, "application/json")];
        let block = head(0x83, "/graphql", &headers);
        self.send(HEADERS, END_HEADERS, stream, &block);
    }

    /// A request of the API.
    pub(crate) fn post(&self, stream: u32, body: &str) {
        self.begin_post(stream);
        self.send(DATA, END_STREAM, stream, body.as_bytes());
    }

    pub(crate) fn ping(&self) {
        self.send(PING, 0, 0, b"held-it?");
    }

    /// Lets the node send this many bytes more.
    pub(crate) fn open_window(&self, stream: u32, bytes: u32) {
        self.send(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
    }

    /// The next frame; `None` when the node has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        timeout(RESPONSE_TIME_MAX, self.frames.recv())
            .await
            .expect("a frame in time")
    }

    /// Waits for the next frame of a kind on a stream.
    pub(crate) async fn expect(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection continues");
            if (frame.kind, frame.stream) == (kind, stream) {
                return frame;
            }
        }
    }

    /// Requires a response of status 200 on this stream, and waits for its end.
    pub(crate) async fn require_ok(&mut self, stream: u32) {
        let head = self.expect(HEADERS, stream).await;
        // `:status: 200` is entry 8 of HPACK's static table.
        assert_eq!(head.payload.first(), Some(&0x88), "{head:?}");
        let mut flags = head.flags;
        while flags & END_STREAM == 0 {
            flags = self.expect(DATA, stream).await.flags;
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    let mut bytes = len.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block in HPACK (RFC 7541): names by their entry of the static table, values as plain
/// literals.
fn head(method: u8, path: &str, headers: &[(u8, &str)]) -> Vec<u8> {
    let mut block = vec![method, 0x86];
    for (name, value) in [(4, path), (1, "node")].iter().chain(headers) {
        // A literal that is not indexed has 4 bits for its name.
        match name.checked_sub(15) {
            None => block.push(*name),
            Some(rest) => block.extend([15, rest]),
        }
        block.push(u8::try_from(value.len()).expect("a short value"));
        block.extend(value.as_bytes());
    }
    block
}

async fn write_all(mut socket: OwnedWriteHalf, mut to_write: UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = to_write.recv().await {
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Ends with the connection, or with its last user.
async fn read_all(
    mut reader: OwnedReadHalf,
    frames: UnboundedSender<Frame>,
    writer: UnboundedSender<Vec<u8>>,
) {
    let mut head = [0; 9];
    while reader.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, flags, stream @ ..] = head;
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        let mut payload = vec![0; len];
        if reader.read_exact(&mut payload).await.is_err() {
            return;
        }
        if [SETTINGS, PING].contains(&kind) && flags & ACK == 0 {
            let answer: &[u8] = if kind == PING { &payload } else { &[] };
            let _ = writer.send(frame(kind, ACK, 0, answer));
        }
        let received = Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        };
        if frames.send(received).is_err() {
            return;
        }
    }
}
