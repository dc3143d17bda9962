//! The body of a response, which reports how far it has been passed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::activity::Sending;

/// Bytes passed on at once on a stream of HTTP/2. As soon as the client's window is open at all, the
/// library takes a whole part and keeps it, outside of any budget: 64 streams keep at most 1 MiB.
const STREAM_PART_BYTES: usize = 16 * 1_024;

/// A body with its share in the activity of its connection.
pub(super) struct SentBody<B> {
    body: B,
    /// What is left of the last part of `body`.
    rest: Bytes,
    sending: Sending,
}

impl<B> SentBody<B> {
    pub(super) const fn new(body: B, sending: Sending) -> Self {
        let rest = Bytes::new();
        Self {
            body,
            rest,
            sending,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for SentBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.sending.progress();
        if self.rest.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) if self.sending.is_multiplexed() => self.rest = data,
                Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                None => return Poll::Ready(None),
            }
        }
        let len = self.rest.len().min(STREAM_PART_BYTES);
        let part = self.rest.split_to(len);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            // Only asked before the first part.
            SizeHint::default()
        }
    }
}
