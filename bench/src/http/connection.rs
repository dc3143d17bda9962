//! One persistent HTTP/1.1 connection with one request under way.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Headers of an answer at most.
const HEADERS_MAX: usize = 32;
/// The largest answer, in bytes: far above what any scenario asks for.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Room for a usual answer; more is made when needed.
const BUFFER_BYTES: usize = 4 * 1024;
/// Before connecting again after it failed, so that a dead server is not asked a million times a second.
const RECONNECT_WAIT: Duration = Duration::from_millis(10);

/// A connection, opened when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// One answer, whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

/// A short name of what happened instead of an answer.
pub(super) type Loss = &'static str;

const UNREADABLE: Loss = "unreadable answer";
const CLOSED: Loss = "closed";

/// What the head of an answer says.
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

    /// Connects, unless it is connected.
    ///
    /// # Errors
    /// What the system said.
    pub(super) async fn open(&mut self) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            // Requests are small and wait for their answers: Nagle would only delay them.
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        Ok(self.stream.as_mut().expect("it was just opened"))
    }

    /// Sends one request and reads the whole answer. After a loss the next exchange connects anew.
    ///
    /// # Errors
    /// [`Loss`]
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Loss> {
        match self.try_exchange(request).await {
            Ok(head) => {
                if head.closes {
                    self.stream = None;
                }
                Ok(Answer {
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
        let stream = self.stream.as_mut().expect("it was just opened");
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
                    // Nobody asked for more.
                    return Err(UNREADABLE);
                }
            }
        }
    }
}

/// The head, once it is whole.
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
    // An answer of unknown length (chunked, or until the end) is none that a node gives.
    let body_len = body_len.ok_or(UNREADABLE)?;
    if body_len > ANSWER_BYTES_MAX {
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

    /// A server that answers each request with the next text, in pieces of `piece` bytes, and then hangs up.
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
    async fn answers_come_whole_or_in_pieces_over_one_connection_or_many() {
        let texts = vec![
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nlive\n",
            "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ];
        for piece in [1, 7, 1000] {
            let mut connection = Connection::new(serve(texts.clone(), piece).await);
            for (status, body) in [(200, "live\n"), (503, ""), (200, "ok")] {
                let answer = connection.exchange(b"GET").await.expect("an answer");
                assert_eq!((answer.status, answer.body), (status, body.as_bytes()));
            }
            assert_eq!(connection.exchange(b"GET").await, Err(CLOSED));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_lost_and_the_connection_with_it() {
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
    async fn a_server_that_is_not_there_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let mut connection = Connection::new(address);
        assert_eq!(connection.exchange(b"GET").await, Err("connection refused"));
    }
}
