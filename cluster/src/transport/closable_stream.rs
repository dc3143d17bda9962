//! A connection that can be closed from outside: ractor's sessions own the stream, and do not
//! detect a half-open one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;

/// Closes a connection when it is dropped.
pub(crate) struct CloseHandle {
    _close: oneshot::Sender<()>,
}

/// A connection that is handed to a session.
pub(crate) struct ClosableStream {
    read: ClosableRead,
    write: BoxWrite,
    label: String,
}

impl ClosableStream {
    /// Combines two halves into a connection, which ends when the returned handle is dropped.
    pub(crate) fn new(read: BoxRead, write: BoxWrite, label: String) -> (Self, CloseHandle) {
        let (close, closed) = oneshot::channel();
        let read = ClosableRead {
            read,
            closed: Some(closed),
        };
        let stream = Self { read, write, label };
        (stream, CloseHandle { _close: close })
    }
}

impl ClusterBidiStream for ClosableStream {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        (Box::new(self.read), self.write)
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

struct ClosableRead {
    read: BoxRead,
    /// `None` once it is closed.
    closed: Option<oneshot::Receiver<()>>,
}

impl AsyncRead for ClosableRead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(closed) = &mut self.closed
            && closed.poll_unpin(context).is_ready()
        {
            self.closed = None;
        }
        if self.closed.is_none() {
            // To the session this is the end of the stream, and it ends both halves.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.read).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    use super::*;

    #[tokio::test]
    async fn silent_connection_ends_when_its_handle_is_dropped() {
        let (here, mut there) = duplex(64);
        let (read, write) = split(here);
        let (stream, close_handle) =
            ClosableStream::new(Box::new(read), Box::new(write), "label".into());
        let (mut read, _write) = Box::new(stream).split();
        there.write_all(b"word").await.expect("it has capacity");
        let mut word = [0; 4];
        read.read_exact(&mut word).await.expect("it is open");
        let waiting = tokio::spawn(async move {
            let first = read.read(&mut [0; 4]).await;
            (first, read.read(&mut [0; 4]).await)
        });
        tokio::task::yield_now().await;
        drop(close_handle);
        let (first, second) = waiting.await.expect("no panic");
        assert_eq!(
            (first.expect("an end"), second.expect("the same again")),
            (0, 0)
        );
    }
}
