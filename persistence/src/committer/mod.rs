//! The committer: takes whatever waits, writes it in one transaction, then answers all. No timer:
//! while one batch is being synced the next one gathers, so batches grow with the load.

mod batch;
mod gathering;
mod metrics;
mod task;

use fritzy_domain::{Append, AppendError, Appending};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

pub(crate) use batch::{BatchError, BatchStore, Numbered, leases};
use gathering::{Request, Work};
use metrics::CommitterMetrics;

/// The limits of a committer.
#[derive(Clone, Copy, Debug)]
pub struct CommitterConfig {
    /// Appends waiting at most; one more is refused as overload. Default 8 192: at 10 000 a second
    /// nobody in it waits for much longer than a second.
    pub queue_len_max: usize,
    /// Appends in one transaction at most. Default 512: by then the cost of the sync is spread so
    /// thin that a larger batch only adds latency.
    pub batch_len_max: usize,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        Self {
            queue_len_max: 8_192,
            batch_len_max: 512,
        }
    }
}

/// A handle to a running committer.
#[derive(Clone)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Work>,
    metrics: CommitterMetrics,
}

impl Committer {
    /// Starts a committer on `store`.
    pub(crate) fn start(config: CommitterConfig, store: impl BatchStore) -> Self {
        let (queue, work) = mpsc::channel(config.queue_len_max);
        let metrics = CommitterMetrics::default();
        tokio::spawn(task::run(
            store,
            work,
            config.batch_len_max,
            metrics.clone(),
        ));
        Self { queue, metrics }
    }

    pub(crate) fn append(&self, append: Append) -> Appending {
        let (answer, answered) = oneshot::channel();
        let queued = self
            .queue
            .try_send(Work::Commit(Request { append, answer }));
        if let Err(mpsc::error::TrySendError::Full(_)) = &queued {
            self.metrics.refused.inc();
        }
        Box::pin(async move {
            match queued {
                Ok(()) => answered.await.unwrap_or_else(|_| Err(stopped(false))),
                Err(mpsc::error::TrySendError::Full(_)) => Err(AppendError::Overloaded),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(stopped(true)),
            }
        })
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Appends that wait now.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Returns when everything queued before has been answered.
    pub(crate) async fn settled(&self) {
        let (answer, done) = oneshot::channel();
        if self.queue.send(Work::Barrier(answer)).await.is_ok() {
            // An error means that the task is gone, and with it everything that was queued.
            let _ = done.await;
        }
    }

    /// Returns when everything queued before has been written and the committer has stopped.
    pub(crate) async fn close(&self) {
        let (answer, done) = oneshot::channel();
        if self.queue.send(Work::Close(answer)).await.is_ok() {
            // An error means that the task is gone already.
            let _ = done.await;
        }
    }
}

fn stopped(certainly_not_written: bool) -> AppendError {
    AppendError::Unavailable {
        reason: "the committer has stopped".into(),
        certainly_not_written,
    }
}
