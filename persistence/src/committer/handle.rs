//! The committer: takes whatever waits, writes it in one transaction, then answers all. No timer:
//! while one batch is being synced the next one gathers, so batches grow with the load.

mod batch;
mod feed;
mod gathering;
mod metrics;
mod task;

use std::sync::Arc;

use fritzy_domain::{Append, AppendError, Appending, CommitFeed, CursorMove};
use fritzy_types::{ShardId, StorageError};
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use batch::{BatchError, BatchStore, Numbered, creation_key, leases};
use feed::Feeds;
use gathering::{Request, Saving, Work};
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

/// A handle to running committers: each has a store of its own, and a shard belongs to one of them.
#[derive(Clone)]
pub(crate) struct Committer {
    queues: Arc<[mpsc::Sender<Work>]>,
    metrics: CommitterMetrics,
    feeds: Feeds,
    /// Whether one of them has panicked.
    died: watch::Sender<bool>,
}

impl Committer {
    /// Starts a committer on `store`.
    pub(crate) fn start(config: CommitterConfig, store: impl BatchStore) -> Self {
        Self::start_many(config, vec![store])
    }

    /// Starts a committer on each of `stores`, at least one. The queue's limit is shared out among them.
    pub(crate) fn start_many(config: CommitterConfig, stores: Vec<impl BatchStore>) -> Self {
        let (metrics, feeds) = (CommitterMetrics::default(), Feeds::default());
        let queue_len_max = config.queue_len_max.div_ceil(stores.len());
        let died = watch::Sender::new(false);
        let start = |store| {
            let (queue, work) = mpsc::channel(queue_len_max);
            let running = task::run(
                store,
                work,
                config.batch_len_max,
                metrics.clone(),
                feeds.clone(),
            );
            let running = tokio::spawn(running);
            let died = died.clone();
            tokio::spawn(async move {
                if running.await.is_err_and(|failure| failure.is_panic()) {
                    died.send_replace(true);
                }
            });
            queue
        };
        let queues = stores.into_iter().map(start).collect();
        Self {
            queues,
            metrics,
            feeds,
            died,
        }
    }

    /// Returns when a committer has panicked: its shards can be read, and never written again.
    pub(crate) async fn died(&self) {
        // This is a sender of it.
        let _ = self.died.subscribe().wait_for(|died| *died).await;
    }

    pub(crate) fn append(&self, append: Append) -> Appending {
        let (answer, answered) = oneshot::channel();
        let queue = &self.queues[self.queue_of(append.lease.shard)];
        let queued = queue.try_send(Work::Commit(Request { append, answer }));
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

    /// Which committer a shard belongs to.
    fn queue_of(&self, shard: ShardId) -> usize {
        usize::from(shard.0) % self.queues.len()
    }

    /// Batches as they are committed, from now on.
    pub(crate) fn feed(&self) -> Box<dyn CommitFeed> {
        self.feeds.listen()
    }

    /// Has each committer save the cursors of its shards; answers the shards whose were not saved.
    pub(crate) async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError> {
        let mut by_queue: Vec<Vec<CursorMove>> = vec![Vec::new(); self.queues.len()];
        for saved in moves {
            by_queue[self.queue_of(saved.lease.shard)].push(saved);
        }
        let stopped = || StorageError::Unavailable("the committer has stopped".into());
        let saving = self
            .queues
            .iter()
            .zip(by_queue)
            .map(async |(queue, moves)| {
                if moves.is_empty() {
                    return Ok(Vec::new());
                }
                let (answer, answered) = oneshot::channel();
                let projection = projection.to_owned();
                let saving = Work::Cursors(Saving {
                    projection,
                    moves,
                    answer,
                });
                queue.send(saving).await.map_err(|_| stopped())?;
                answered.await.map_err(|_| stopped())?
            });
        let saved: Result<Vec<Vec<ShardId>>, StorageError> =
            join_all(saving).await.into_iter().collect();
        Ok(saved?.concat())
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Appends that wait now.
    pub(crate) fn queue_len(&self) -> usize {
        let len = |queue: &mpsc::Sender<Work>| queue.max_capacity() - queue.capacity();
        self.queues.iter().map(len).sum()
    }

    /// Returns when everything queued before has been answered.
    pub(crate) async fn barrier(&self) {
        self.pass(Work::Barrier).await;
    }

    /// Returns when everything queued before has been written and the committers have stopped.
    pub(crate) async fn close(&self) {
        self.pass(Work::Close).await;
    }

    /// Puts a barrier into every queue, and waits until all are passed.
    async fn pass(&self, barrier: fn(oneshot::Sender<()>) -> Work) {
        let pass = async |queue: &mpsc::Sender<Work>| {
            let (answer, done) = oneshot::channel();
            if queue.send(barrier(answer)).await.is_ok() {
                // An error means that the task is gone, and with it everything that was queued.
                let _ = done.await;
            }
        };
        join_all(self.queues.iter().map(pass)).await;
    }
}

fn stopped(certainly_not_written: bool) -> AppendError {
    AppendError::Unavailable {
        reason: "the committer has stopped".into(),
        certainly_not_written,
    }
}
