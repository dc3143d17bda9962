//! Runs the streams of HTTP/2 connections, and cancels those whose client leaves its response
//! unread. The other streams of the connection continue.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::timeout;
use tracing::debug;

use super::activity::Activity;

tokio::task_local! {
    static CURRENT: Arc<Activity>;
}

/// Runs each stream as a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExecutor {
    /// For the client to take a further part of a response.
    pub(super) stall_max: Duration,
}

/// The activity of the stream that the current task runs; `None` for HTTP/1.1.
pub(super) fn current() -> Option<Arc<Activity>> {
    CURRENT.try_with(Arc::clone).ok()
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(run(stream, self.stall_max));
    }
}

/// Dropping a stream resets it.
async fn run(stream: impl Future<Output = ()>, stall_max: Duration) {
    let activity = Arc::new(Activity::new());
    let mut stream = pin!(CURRENT.scope(activity.clone(), stream));
    loop {
        let stalled = activity.stalled();
        if stalled >= stall_max {
            return debug!("reset a stream whose response was not read in time");
        }
        // The timer starts only if the stream does not end at once.
        if timeout(stall_max - stalled, &mut stream).await.is_ok() {
            return;
        }
    }
}
