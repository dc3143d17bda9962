//! The handle of the committers: queues appends, cursors and barriers.

use std::sync::Arc;

use fritzy_domain::{Append, AppendError, Appending, CommitFeed, CursorMove};
use fritzy_types::{ShardId, StorageError};
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::batch_store::BatchStore;
use super::command::{AppendRequest, CommitterCommand, CursorSave, append_stopped, save_stopped};
use super::commit_feeds::CommitFeeds;
use super::metrics::CommitterMetrics;
use super::step_clock::StepClock;
use super::task;

/// The limits of a committer.
#[derive(Clone, Copy, Debug)]
pub struct CommitterConfig {
    /// Queued appends; one more is rejected as overload. Default 8 192: at 10 000 a second
    /// none of them waits for much longer than a second.
    pub queue_len_max: usize,
    /// Appends in one transaction. Default 512: by then the cost of the sync is spread so
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

/// A handle to running committers: each has a store of its own, and each shard belongs to one of
/// them.
#[derive(Clone)]
pub(crate) struct Committer {
    queues: Arc<[mpsc::Sender<CommitterCommand>]>,
    metrics: CommitterMetrics,
    feeds: CommitFeeds,
    /// Cancelled when one of them has panicked.
    panicked: CancellationToken,
    clocks: Arc<[StepClock]>,
}

impl Committer {
    /// Starts a committer on `store`.
    pub(crate) fn start(config: CommitterConfig, store: impl BatchStore) -> Self {
        Self::start_many(config, vec![store])
    }

    /// Starts a committer on each of `stores`, at least one. They share the limit of the queue
    /// equally.
    pub(crate) fn start_many(config: CommitterConfig, stores: Vec<impl BatchStore>) -> Self {
        let (metrics, feeds) = (CommitterMetrics::default(), CommitFeeds::default());
        let queue_len_max = config.queue_len_max.div_ceil(stores.len());
        let panicked = CancellationToken::new();
        let clocks = stores.iter().map(BatchStore::clock).collect();
        let start = |store| {
            let (queue, commands) = mpsc::channel(queue_len_max);
            let running = task::run(
                store,
                commands,
                config.batch_len_max,
                metrics.clone(),
                feeds.clone(),
            );
            let running = tokio::spawn(running);
            let panicked = panicked.clone();
            tokio::spawn(async move {
                if running.await.is_err_and(|failure| failure.is_panic()) {
                    panicked.cancel();
                }
            });
            queue
        };
        let queues = stores.into_iter().map(start).collect();
        Self {
            queues,
            metrics,
            feeds,
            panicked,
            clocks,
        }
    }

    /// What a committer that stands still does not do, if one does: it has been inside one step
    /// for longer than that step takes at most.
    pub(crate) fn stalled(&self) -> Option<String> {
        let mut clocks = self.clocks.iter().enumerate();
        let (number, overdue) =
            clocks.find_map(|(number, clock)| Some((number, clock.overdue()?)))?;
        Some(format!(
            "committer {number} has not ended its step, which should have ended {overdue:.1?} ago"
        ))
    }

    /// Returns when a committer has panicked: its shards can be read, and never written again.
    pub(crate) async fn panicked(&self) {
        self.panicked.cancelled().await;
    }

    pub(crate) fn append(&self, append: Append) -> Appending {
        let (reply, result) = oneshot::channel();
        let queue = &self.queues[self.queue_of(append.lease.shard)];
        let queued = queue.try_send(CommitterCommand::Append(AppendRequest { append, reply }));
        if let Err(mpsc::error::TrySendError::Full(_)) = &queued {
            self.metrics.refused.inc();
        }
        Box::pin(async move {
            match queued {
                Ok(()) => result.await.unwrap_or_else(|_| Err(append_stopped(false))),
                Err(mpsc::error::TrySendError::Full(_)) => Err(AppendError::Overloaded),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(append_stopped(true)),
            }
        })
    }

    /// The index of the committer that a shard belongs to.
    fn queue_of(&self, shard: ShardId) -> usize {
        usize::from(shard.0) % self.queues.len()
    }

    /// Receives every batch committed from now on.
    pub(crate) fn feed(&self) -> Box<dyn CommitFeed> {
        self.feeds.subscribe()
    }

    /// Has each committer save the cursors of its shards. Returns the shards whose cursors were not
    /// saved.
    pub(crate) async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError> {
        let mut by_queue: Vec<Vec<CursorMove>> = vec![Vec::new(); self.queues.len()];
        for saved in moves {
            by_queue[self.queue_of(saved.lease.shard)].push(saved);
        }
        let saving = self
            .queues
            .iter()
            .zip(by_queue)
            .map(async |(queue, moves)| {
                if moves.is_empty() {
                    return Ok(Vec::new());
                }
                let (reply, result) = oneshot::channel();
                let projection = projection.to_owned();
                let save = CommitterCommand::SaveCursors(CursorSave {
                    projection,
                    moves,
                    reply,
                });
                queue.send(save).await.map_err(|_| save_stopped())?;
                result.await.map_err(|_| save_stopped())?
            });
        let saved: Result<Vec<Vec<ShardId>>, StorageError> =
            join_all(saving).await.into_iter().collect();
        Ok(saved?.concat())
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Appends that are queued now.
    pub(crate) fn queue_len(&self) -> usize {
        let len = |queue: &mpsc::Sender<CommitterCommand>| queue.max_capacity() - queue.capacity();
        self.queues.iter().map(len).sum()
    }

    /// Returns when everything queued before has its result.
    pub(crate) async fn barrier(&self) {
        self.pass(CommitterCommand::Barrier).await;
    }

    /// Returns when everything queued before has been written and the committers have stopped.
    pub(crate) async fn close(&self) {
        self.pass(CommitterCommand::Close).await;
    }

    /// Puts a barrier into every queue, and waits until all are reached.
    async fn pass(&self, barrier: fn(oneshot::Sender<()>) -> CommitterCommand) {
        let pass = async |queue: &mpsc::Sender<CommitterCommand>| {
            let (reply, reached) = oneshot::channel();
            if queue.send(barrier(reply)).await.is_ok() {
                // An error means that the task is gone, and with it everything that was queued.
                let _ = reached.await;
            }
        };
        join_all(self.queues.iter().map(pass)).await;
    }
}
