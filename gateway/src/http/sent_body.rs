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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::{BodyExt as _, Full};

    use super::super::activity::{Activity, Counted, Executing};
    use super::*;

    async fn parts(stream: Option<Arc<Activity>>) -> Vec<usize> {
        let connection = Arc::new(Activity::new());
        let sending = Executing::begin(Counted { connection, stream }).respond();
        let text = Bytes::from(vec![0; 2 * STREAM_PART_BYTES + 1]);
        let mut body = SentBody::new(Full::new(text), sending);
        let mut parts = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.expect("no failure").into_data().expect("data");
            parts.push(data.len());
        }
        assert!(body.is_end_stream());
        parts
    }

    #[tokio::test]
    async fn body_of_a_stream_is_passed_on_in_small_parts() {
        let stream = Some(Arc::new(Activity::new()));
        let expected = [STREAM_PART_BYTES, STREAM_PART_BYTES, 1];
        assert_eq!(parts(stream).await, expected);
        assert_eq!(parts(None).await, [2 * STREAM_PART_BYTES + 1]);
    }
}
