//! One persistent HTTP/1.1 connection with one request at a time.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Maximum of headers in a response.
const HEADERS_MAX: usize = 32;
/// Maximum of a response in bytes: far above any response of a scenario.
const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The buffer of a usual response in bytes; it grows if needed.
const BUFFER_BYTES: usize = 4 * 1024;
/// The wait after a failed connect, so that a dead server does not get a million attempts per
/// second.
const RECONNECT_WAIT: Duration = Duration::from_millis(10);

/// A connection, opened on demand.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

/// A short name of the cause of a lost response.
pub(super) type Loss = &'static str;

const UNREADABLE: Loss = "unreadable answer";
const CLOSED: Loss = "closed";

/// The parsed head of a response.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    len: usize,
    body_len: usize,
    closes: bool,
}

impl Connection {
    pub(super) const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// Connects, unless already connected.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(super) async fn open(&mut self) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            // Requests are small and wait for their responses: Nagle's algorithm would only delay
            // them.
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        Ok(self
            .stream
            .as_mut()
            .expect("the connection was just opened"))
    }

    /// Sends one request and reads the complete response. After a loss the next exchange
    /// reconnects.
    ///
    /// # Errors
    /// [`Loss`] when no complete response is received.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>, Loss> {
        match self.try_exchange(request).await {
            Ok(head) => {
                if head.closes {
                    self.stream = None;
                }
                Ok(Response {
                    status: head.status,
                    body: &self.buffer[head.len..head.len + head.body_len],
                })
            }
            Err(loss) => {
                self.stream = None;
                Err(loss)
            }
        }
    }

    async fn try_exchange(&mut self, request: &[u8]) -> Result<Head, Loss> {
        if let Err(failure) = self.open().await {
            tokio::time::sleep(RECONNECT_WAIT).await;
            return Err(connect_loss(&failure));
        }
        let stream = self
            .stream
            .as_mut()
            .expect("the connection was just opened");
        let lost = |failure: io::Error| loss(&failure);
        stream.write_all(request).await.map_err(lost)?;
        self.buffer.clear();
        loop {
            self.buffer.reserve(BUFFER_BYTES);
            if stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err(CLOSED);
            }
            if let Some(head) = read_head(&self.buffer)? {
                let len = head.len + head.body_len;
                if self.buffer.len() == len {
                    return Ok(head);
                }
                if self.buffer.len() > len {
                    // Bytes after the response, without a request.
                    return Err(UNREADABLE);
                }
            }
        }
    }
}

/// The head, once it is complete.
fn read_head(bytes: &[u8]) -> Result<Option<Head>, Loss> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(UNREADABLE),
    };
    let mut body_len = None;
    let mut closes = false;
    for header in &*response.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| UNREADABLE)?;
            body_len = Some(text.parse().map_err(|_| UNREADABLE)?);
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    // A node never sends a response of unknown length (chunked, or until the end).
    let body_len = body_len.ok_or(UNREADABLE)?;
    if body_len > RESPONSE_BYTES_MAX {
        return Err(UNREADABLE);
    }
    Ok(Some(Head {
        status: response.code.ok_or(UNREADABLE)?,
        len,
        body_len,
        closes,
    }))
}

fn connect_loss(failure: &io::Error) -> Loss {
    match failure.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        _ => "cannot connect",
    }
}

fn loss(failure: &io::Error) -> Loss {
    match failure.kind() {
        ErrorKind::ConnectionReset => "reset",
        ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => CLOSED,
        _ => "input or output failed",
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that responds to each request with the next text, in pieces of `piece` bytes, and
    /// then closes.
    async fn serve(texts: Vec<&'static str>, piece: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move {
            let mut texts = texts.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 100];
                while let Ok(1..) = stream.read(&mut request).await {
                    let Some(text) = texts.next() else { break };
                    for piece in text.as_bytes().chunks(piece) {
                        stream.write_all(piece).await.expect("the client reads");
                        tokio::task::yield_now().await;
                    }
                    if text.contains("close") {
                        break;
                    }
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn responses_are_read_whole_or_in_pieces() {
        let texts = vec![
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nlive\n",
            "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ];
        for piece in [1, 7, 1000] {
            let mut connection = Connection::new(serve(texts.clone(), piece).await);
            for (status, body) in [(200, "live\n"), (503, ""), (200, "ok")] {
                let response = connection.exchange(b"GET").await.expect("a response");
                assert_eq!((response.status, response.body), (status, body.as_bytes()));
            }
            assert_eq!(connection.exchange(b"GET").await, Err(CLOSED));
        }
    }

    #[tokio::test]
    async fn unreadable_response_closes_the_connection() {
        for text in [
            "SMTP ready\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ntoo much",
        ] {
            let mut connection = Connection::new(serve(vec![text], 1000).await);
            let lost = connection.exchange(b"GET").await;
            assert_eq!(lost, Err(UNREADABLE), "{text}");
            assert!(connection.stream.is_none());
        }
    }

    #[tokio::test]
    async fn absent_server_refuses_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let mut connection = Connection::new(address);
        assert_eq!(connection.exchange(b"GET").await, Err("connection refused"));
    }
}
