//! The task behind a committer: build a batch, assign positions, write it, reply.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fritzy_domain::{AppendError, AppendOutcome, Committed, Position};
use fritzy_types::{Epoch, ShardId, ShardLease};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::batch_builder::BatchBuilder;
use super::batch_store::{BatchError, BatchStore, Sequenced, TakenReference};
use super::command::{AppendRequest, CommitterCommand, append_stopped, save_stopped};
use super::commit_feeds::CommitFeeds;
use super::metrics::CommitterMetrics;
use super::step_clock::StepClock;

/// How long appends are kept and retried while the store cannot write, counted from the first
/// failure; after that they fail at once until it can. A server has restarted by then, and no
/// client has given up yet.
const RETRY_BUDGET: Duration = Duration::from_secs(2);

/// Between two attempts to resolve an in-doubt batch while a barrier waits for it.
const RESOLVE_INTERVAL: Duration = Duration::from_millis(100);

/// The last position of a shard, as known under one claim of it.
struct Head {
    epoch: Epoch,
    position: Position,
}

struct Task<S> {
    store: S,
    /// Advanced only after a commit and forgotten after any failure: unknown heads are read again.
    heads: HashMap<ShardId, Head>,
    metrics: CommitterMetrics,
    feeds: CommitFeeds,
    /// Since when the store cannot write.
    failing_since: Option<tokio::time::Instant>,
    /// Barriers that were reached, and wait until nothing before them can still be written.
    reached: Vec<oneshot::Sender<()>>,
    clock: StepClock,
}

pub(super) async fn run(
    store: impl BatchStore,
    mut commands: mpsc::Receiver<CommitterCommand>,
    batch_len_max: usize,
    metrics: CommitterMetrics,
    feeds: CommitFeeds,
) {
    let mut task = Task {
        clock: store.clock(),
        store,
        heads: HashMap::new(),
        metrics,
        feeds,
        failing_since: None,
        reached: Vec::new(),
    };
    let mut builder = BatchBuilder::default();
    loop {
        if builder.is_empty() {
            let wait = match task.reached.is_empty() {
                true => task.store.idle_wait(),
                false => Some(RESOLVE_INTERVAL),
            };
            let next = match wait {
                None => Ok(commands.recv().await),
                Some(wait) => timeout(wait, commands.recv()).await,
            };
            match next {
                Ok(Some(next)) => builder.push(next),
                Ok(None) => return,
                Err(_) => {
                    task.store.use_idle_time().await;
                    task.pass_barriers().await;
                    continue;
                }
            }
        }
        while builder.accepts_more(batch_len_max) {
            match commands.try_recv() {
                Ok(next) => builder.push(next),
                Err(_) => break,
            }
        }
        let batch = builder.finish();
        task.clock.between();
        task.write(batch.appends).await;
        for save in batch.cursors {
            let saved = task.store.save_cursors(&save.projection, &save.moves);
            let _ = save.reply.send(saved.await);
        }
        task.clock.idle();
        task.reached.extend(batch.barriers);
        if batch.closing {
            reject_remaining(&mut commands).await;
            task.store.close().await;
            for reached in task.reached {
                let _ = reached.send(());
            }
            return;
        }
        task.pass_barriers().await;
    }
}

/// Closes the queue, and fails everything queued after the call to close.
async fn reject_remaining(commands: &mut mpsc::Receiver<CommitterCommand>) {
    commands.close();
    while let Some(late) = commands.recv().await {
        match late {
            CommitterCommand::Append(request) => {
                let _ = request.reply.send(Err(append_stopped(true)));
            }
            CommitterCommand::SaveCursors(save) => {
                let _ = save.reply.send(Err(save_stopped()));
            }
            CommitterCommand::Barrier(reached) | CommitterCommand::Close(reached) => {
                let _ = reached.send(());
            }
        }
    }
}

impl<S: BatchStore> Task<S> {
    /// Completes the barriers that were reached, once no batch before them is in doubt.
    async fn pass_barriers(&mut self) {
        self.reached.retain(|reached| !reached.is_closed());
        if self.reached.is_empty() {
            return;
        }
        let resolved = self.store.ensure_resolved().await;
        self.clock.idle();
        match resolved {
            Ok(()) => {
                for reached in self.reached.drain(..) {
                    let _ = reached.send(());
                }
            }
            Err(failure) => debug!(?failure, "a batch stays in doubt for now"),
        }
    }

    /// Writes a batch and replies to its appends. Appends that cannot be written are removed, and
    /// the rest gets new positions.
    async fn write(&mut self, batch: Vec<AppendRequest>) {
        let mut batch = drop_expired(batch);
        // Parts still to be written: a batch is split to find an append that the store rejects.
        let mut parts = Vec::new();
        while !batch.is_empty() {
            let written = self.try_write(&batch).await;
            if !matches!(written, Err(BatchError::Retry { .. })) {
                self.failing_since = None;
            }
            batch = match written {
                Ok(outcomes) => {
                    self.acknowledge(batch, outcomes);
                    Vec::new()
                }
                Err(BatchError::Fenced(leases)) => reply_fenced(batch, &leases),
                Err(BatchError::Conflicts(indexes)) => reply_conflicts(batch, &indexes),
                Err(BatchError::ReferencesTaken(taken)) => reply_taken(batch, &taken),
                Err(BatchError::Rejected(reason)) if batch.len() > 1 => {
                    debug!(%reason, "the store rejects a batch; splitting it to find the append");
                    parts.push(batch.split_off(batch.len() / 2));
                    batch
                }
                Err(BatchError::Rejected(reason)) => {
                    error!(%reason, entity = %batch[0].append.entity, "the store rejects an append");
                    reply_unavailable(batch, reason, true);
                    Vec::new()
                }
                Err(BatchError::Retry { reason, after }) => {
                    self.retry_or_fail(batch, reason, after).await
                }
                Err(BatchError::Failed {
                    reason,
                    certainly_not_written,
                }) => {
                    self.fail(batch, reason, certainly_not_written);
                    Vec::new()
                }
            };
            if batch.is_empty() {
                batch = parts.pop().unwrap_or_default();
            }
        }
    }

    /// Waits before the next attempt, or fails the batch when the store has been failing for too
    /// long. Returns the appends to try again.
    async fn retry_or_fail(
        &mut self,
        batch: Vec<AppendRequest>,
        reason: String,
        after: Duration,
    ) -> Vec<AppendRequest> {
        let since = *self
            .failing_since
            .get_or_insert_with(tokio::time::Instant::now);
        if since.elapsed() >= RETRY_BUDGET {
            self.fail(batch, reason, true);
            return Vec::new();
        }
        debug!(%reason, "the store cannot write now; retrying");
        self.clock.begin(after);
        tokio::time::sleep(after).await;
        self.clock.between();
        drop_expired(batch)
    }

    fn fail(&self, batch: Vec<AppendRequest>, reason: String, certainly_not_written: bool) {
        error!(%reason, appends = batch.len(), "the store cannot write");
        self.metrics.failures.inc();
        reply_unavailable(batch, reason, certainly_not_written);
    }

    /// Replies to the appends of a written batch, then sends it to the subscribers.
    fn acknowledge(&self, batch: Vec<AppendRequest>, outcomes: Vec<AppendOutcome>) {
        let subscribed = self.feeds.has_subscribers();
        let mut committed = Vec::with_capacity(if subscribed { batch.len() } else { 0 });
        for (AppendRequest { append, reply }, positions) in batch.into_iter().zip(outcomes) {
            let _ = reply.send(Ok(positions));
            if subscribed {
                committed.push(Committed {
                    append,
                    outcome: positions,
                });
            }
        }
        if subscribed {
            self.feeds.send(committed);
        }
    }

    async fn try_write(
        &mut self,
        batch: &[AppendRequest],
    ) -> Result<Vec<AppendOutcome>, BatchError> {
        self.read_heads(batch).await?;
        let mut heads: HashMap<ShardId, Position> = HashMap::new();
        let sequenced: Vec<Sequenced<'_>> = batch
            .iter()
            .map(|AppendRequest { append, .. }| {
                let shard = append.lease.shard;
                let head = heads
                    .entry(shard)
                    .or_insert_with(|| self.heads[&shard].position);
                let first = *head + 1;
                *head += append.events.len() as Position;
                Sequenced { append, first }
            })
            .collect();
        let began = Instant::now();
        let written = self.store.commit(&sequenced).await;
        self.metrics.commit.observe(began.elapsed().as_secs_f64());
        if written.is_ok() {
            self.metrics.batch_appends.observe(batch.len() as f64);
        }
        if written.is_err() {
            for request in batch {
                self.heads.remove(&request.append.lease.shard);
            }
        }
        written?;
        let outcomes = sequenced
            .iter()
            .map(|Sequenced { append, first }| AppendOutcome {
                first: *first,
                version: append.expected_version + append.events.len() as u64,
            })
            .collect();
        for (shard, position) in heads {
            self.heads.get_mut(&shard).expect("read above").position = position;
        }
        Ok(outcomes)
    }

    /// Reads the heads that are not known under the leases of the appends. An append whose lease is
    /// older than that of a known head needs none: it is fenced.
    async fn read_heads(&mut self, batch: &[AppendRequest]) -> Result<(), BatchError> {
        let mut unknown: Vec<ShardId> = batch
            .iter()
            .map(|request| request.append.lease)
            .filter(|lease| {
                self.heads
                    .get(&lease.shard)
                    .is_none_or(|head| head.epoch < lease.epoch)
            })
            .map(|lease| lease.shard)
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let heads = self.store.heads(&unknown).await?;
        for request in batch {
            let lease = request.append.lease;
            if let Some(position) = heads.get(&lease.shard) {
                let head = self.heads.entry(lease.shard).or_insert(Head {
                    epoch: lease.epoch,
                    position: *position,
                });
                head.epoch = head.epoch.max(lease.epoch);
                head.position = *position;
            }
        }
        Ok(())
    }
}

/// Replies to the appends whose deadline has passed, and returns the others.
fn drop_expired(batch: Vec<AppendRequest>) -> Vec<AppendRequest> {
    let now = Instant::now();
    let (expired, batch) = batch
        .into_iter()
        .partition(|request| request.append.deadline.has_passed(now));
    reply_all(expired, &AppendError::Expired);
    batch
}

/// Fails the appends under fenced leases, and returns the others.
fn reply_fenced(batch: Vec<AppendRequest>, leases: &[ShardLease]) -> Vec<AppendRequest> {
    warn!(
        ?leases,
        "appends under old leases are fenced: their shards have a newer owner"
    );
    let (fenced, rest): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .partition(|request| leases.contains(&request.append.lease));
    for request in fenced {
        let shard = request.append.lease.shard;
        let _ = request.reply.send(Err(AppendError::Fenced(shard)));
    }
    rest
}

/// Fails the appends at `indexes`, and returns the others.
fn reply_conflicts(batch: Vec<AppendRequest>, indexes: &[usize]) -> Vec<AppendRequest> {
    debug!(
        conflicts = indexes.len(),
        "appends conflict with rows that exist"
    );
    let mut rest = Vec::with_capacity(batch.len());
    for (index, request) in batch.into_iter().enumerate() {
        if indexes.contains(&index) {
            let _ = request.reply.send(Err(AppendError::Conflict));
        } else {
            rest.push(request);
        }
    }
    rest
}

/// Fails the appends whose external references others have, and returns the others.
fn reply_taken(batch: Vec<AppendRequest>, taken: &[TakenReference]) -> Vec<AppendRequest> {
    debug!(
        taken = taken.len(),
        "external references of appends are taken"
    );
    let mut rest = Vec::with_capacity(batch.len());
    for (index, request) in batch.into_iter().enumerate() {
        match taken.iter().find(|taken| taken.index == index) {
            Some(TakenReference { holder, .. }) => {
                let holder = *holder;
                let failure = AppendError::ReferenceTaken { holder };
                let _ = request.reply.send(Err(failure));
            }
            None => rest.push(request),
        }
    }
    rest
}

fn reply_unavailable(batch: Vec<AppendRequest>, reason: String, certainly_not_written: bool) {
    let failure = AppendError::Unavailable {
        reason,
        certainly_not_written,
    };
    reply_all(batch, &failure);
}

fn reply_all(requests: Vec<AppendRequest>, failure: &AppendError) {
    for request in requests {
        let _ = request.reply.send(Err(failure.clone()));
    }
}

#[cfg(test)]
mod tests;
