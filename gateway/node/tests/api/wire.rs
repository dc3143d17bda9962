//! An HTTP connection by hand, for what a client library hides: half a body, chunks, "100
//! Continue".

use std::net::SocketAddr;

use fritzy_testbed_shop::RESPONSE_TIME_MAX;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) struct Wire(BufReader<TcpStream>);

/// One response, with its head as received.
#[derive(Debug)]
pub(crate) struct WireAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        // Two writes of a test arrive separately.
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Writes as far as possible: a node that has responded may have closed the connection, and
    /// only its response counts.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Sends the head of a POST, and waits until the node requests its body: from then on the
    /// request is in flight.
    pub(crate) async fn begin_post(&mut self, body_bytes: usize) {
        let asked = self.offer_post(body_bytes).await;
        assert_eq!(asked.status, 100, "{asked:?}");
    }

    /// Sends the head of a POST whose body the node may refuse before it is sent.
    pub(crate) async fn offer_post(&mut self, body_bytes: usize) -> WireAnswer {
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
             content-length: {body_bytes}\r\nexpect: 100-continue\r\n\r\n"
        );
        self.write(head.as_bytes()).await;
        self.response().await.expect("a response to the head")
    }

    /// Waits until the node sends something, or closes the connection.
    pub(crate) async fn is_over(&mut self) {
        let _ = self.0.fill_buf().await;
    }

    /// The next response; `None` when the node closed the connection instead.
    pub(crate) async fn response(&mut self) -> Option<WireAnswer> {
        timeout(RESPONSE_TIME_MAX, self.read_answer())
            .await
            .expect("a response in time")
    }

    async fn read_answer(&mut self) -> Option<WireAnswer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.0.read_line(&mut head).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.ok()?;
        Some(WireAnswer {
            status: status.expect("a status line"),
            head,
            body: String::from_utf8(body).expect("bodies are UTF-8"),
        })
    }
}

/// A response whose body may be anything, as received.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    /// Sends a request after which the node closes the connection, and reads the response.
    pub(crate) async fn of(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // A node that refuses a request may close before it was sent.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let read = timeout(RESPONSE_TIME_MAX, stream.read_to_end(&mut bytes)).await;
        read.expect("a response in time").expect("a response");
        let at = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let at = at.expect("a head");
        let head = String::from_utf8(bytes[..at].to_vec()).expect("heads are ASCII");
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let mut response = Self {
            status: status.expect("a status line"),
            head,
            body: bytes[at + 4..].to_vec(),
        };
        if response.header("transfer-encoding") == Some("chunked") {
            response.body = unchunked(&response.body);
        }
        response
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The body of a response that is not compressed.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n");
        let (size, after) = rest.split_at(end.expect("the size of a chunk"));
        let size = std::str::from_utf8(size).expect("digits");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal digits");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&after[2..2 + size]);
        rest = &after[2 + size + 2..];
    }
}
