//! The task behind a committer: gather, number, write, answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fritzy_domain::{AppendError, AppendOutcome, Committed, Position};
use fritzy_types::{Epoch, ShardId, StorageError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::batch::{BatchError, BatchStore, Numbered};
use super::feed::Feeds;
use super::gathering::{Gathering, Request, Work};
use super::metrics::CommitterMetrics;

/// How long appends are kept and tried again while the store cannot write, from the first failure on; then
/// they are refused at once until it can. A restart of a server is over by then, and whoever waits has not
/// given up yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two tries to find out what became of a batch, while somebody waits for that.
const CERTAIN_AGAIN: Duration = Duration::from_millis(100);

/// How far a shard has got, as known under one claim of it.
struct Head {
    epoch: Epoch,
    position: Position,
}

struct Task<S> {
    store: S,
    /// Advanced only after a commit, forgotten after any failure: what is not known is read again.
    heads: HashMap<ShardId, Head>,
    metrics: CommitterMetrics,
    feeds: Feeds,
    /// Since when the store cannot write.
    failing_since: Option<tokio::time::Instant>,
    /// Barriers that were reached, and wait until nothing before them can still be written.
    reached: Vec<oneshot::Sender<()>>,
}

pub(super) async fn run(
    store: impl BatchStore,
    mut work: mpsc::Receiver<Work>,
    batch_len_max: usize,
    metrics: CommitterMetrics,
    feeds: Feeds,
) {
    let mut task = Task {
        store,
        heads: HashMap::new(),
        metrics,
        feeds,
        failing_since: None,
        reached: Vec::new(),
    };
    let mut gathering = Gathering::default();
    loop {
        if gathering.is_empty() {
            let next = match task.reached.is_empty() {
                true => Ok(work.recv().await),
                false => timeout(CERTAIN_AGAIN, work.recv()).await,
            };
            match next {
                Ok(Some(next)) => gathering.take(next),
                Ok(None) => return,
                Err(_) => {
                    task.pass_barriers().await;
                    continue;
                }
            }
        }
        while gathering.has_room(batch_len_max) {
            match work.try_recv() {
                Ok(next) => gathering.take(next),
                Err(_) => break,
            }
        }
        let gathered = gathering.finish();
        task.write(gathered.batch).await;
        for saving in gathered.cursors {
            let saved = task.store.save_cursors(&saving.projection, &saving.moves);
            let _ = saving.answer.send(saved.await);
        }
        task.reached.extend(gathered.barriers);
        if gathered.closing {
            refuse_the_rest(&mut work).await;
            task.store.close().await;
            for passed in task.reached {
                let _ = passed.send(());
            }
            return;
        }
        task.pass_barriers().await;
    }
}

/// Lets nobody in any more, and answers those that came behind the call to close.
async fn refuse_the_rest(work: &mut mpsc::Receiver<Work>) {
    work.close();
    while let Some(late) = work.recv().await {
        match late {
            Work::Commit(request) => {
                let _ = request.answer.send(Err(super::stopped(true)));
            }
            Work::Cursors(saving) => {
                let stopped = StorageError::Unavailable("the committer has stopped".into());
                let _ = saving.answer.send(Err(stopped));
            }
            Work::Barrier(passed) | Work::Close(passed) => {
                let _ = passed.send(());
            }
        }
    }
}

impl<S: BatchStore> Task<S> {
    /// Lets those go on who wait for everything before them, once it is certain what became of it.
    async fn pass_barriers(&mut self) {
        self.reached.retain(|passed| !passed.is_closed());
        if self.reached.is_empty() {
            return;
        }
        match self.store.be_certain().await {
            Ok(()) => {
                for passed in self.reached.drain(..) {
                    let _ = passed.send(());
                }
            }
            Err(failure) => debug!(?failure, "what is unknown stays so for now"),
        }
    }

    /// Writes and answers a batch. What cannot be written is taken out, and the rest numbered anew.
    async fn write(&mut self, batch: Vec<Request>) {
        let mut batch = drop_expired(batch);
        // Parts still to be written; more than one once a batch had to be cut to find a bad append.
        let mut parts = Vec::new();
        while !batch.is_empty() {
            let written = self.try_write(&batch).await;
            if !matches!(written, Err(BatchError::Again { .. })) {
                self.failing_since = None;
            }
            match written {
                Ok(positions) => self.acknowledge(std::mem::take(&mut batch), positions),
                Err(BatchError::Fenced(leases)) => {
                    warn!(
                        ?leases,
                        "shards have a newer owner; appends under older leases are refused"
                    );
                    let (fenced, rest): (Vec<_>, Vec<_>) = batch
                        .into_iter()
                        .partition(|request| leases.contains(&request.append.lease));
                    for request in fenced {
                        let shard = request.append.lease.shard;
                        let _ = request.answer.send(Err(AppendError::Fenced(shard)));
                    }
                    batch = rest;
                }
                Err(BatchError::Conflicts(indexes)) => {
                    debug!(
                        conflicts = indexes.len(),
                        "appends meet what exists already"
                    );
                    let mut rest = Vec::with_capacity(batch.len());
                    for (index, request) in batch.into_iter().enumerate() {
                        if indexes.contains(&index) {
                            let _ = request.answer.send(Err(AppendError::Conflict));
                        } else {
                            rest.push(request);
                        }
                    }
                    batch = rest;
                }
                Err(BatchError::Refused(reason)) if batch.len() > 1 => {
                    debug!(%reason, "the store refuses the batch; looking for the append at fault");
                    parts.push(batch.split_off(batch.len() / 2));
                }
                Err(BatchError::Refused(reason)) => {
                    error!(%reason, entity = %batch[0].append.entity, "the store refuses an append");
                    let failure = AppendError::Unavailable {
                        reason,
                        certainly_not_written: true,
                    };
                    answer_all(std::mem::take(&mut batch), &failure);
                }
                Err(BatchError::Again { reason, after }) => {
                    let since = *self
                        .failing_since
                        .get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() < PATIENCE {
                        debug!(%reason, "the store cannot write now; trying again");
                        tokio::time::sleep(after).await;
                        batch = drop_expired(batch);
                    } else {
                        error!(%reason, appends = batch.len(), "the store cannot write");
                        self.metrics.failures.inc();
                        let failure = AppendError::Unavailable {
                            reason,
                            certainly_not_written: true,
                        };
                        answer_all(std::mem::take(&mut batch), &failure);
                    }
                }
                Err(BatchError::Failed {
                    reason,
                    certainly_not_written,
                }) => {
                    error!(%reason, appends = batch.len(), "the store cannot write");
                    self.metrics.failures.inc();
                    let failure = AppendError::Unavailable {
                        reason,
                        certainly_not_written,
                    };
                    answer_all(std::mem::take(&mut batch), &failure);
                }
            }
            if batch.is_empty() {
                batch = parts.pop().unwrap_or_default();
            }
        }
    }

    /// Answers a batch that is written, then feeds it to whoever listens.
    fn acknowledge(&self, batch: Vec<Request>, positions: Vec<AppendOutcome>) {
        let wanted = self.feeds.are_wanted();
        let mut committed = Vec::with_capacity(if wanted { batch.len() } else { 0 });
        for (Request { append, answer }, positions) in batch.into_iter().zip(positions) {
            let _ = answer.send(Ok(positions));
            if wanted {
                committed.push(Committed { append, outcome: positions });
            }
        }
        if wanted {
            self.feeds.send(committed);
        }
    }

    async fn try_write(&mut self, batch: &[Request]) -> Result<Vec<AppendOutcome>, BatchError> {
        self.learn_heads(batch).await?;
        let mut heads: HashMap<ShardId, Position> = HashMap::new();
        let numbered: Vec<Numbered<'_>> = batch
            .iter()
            .map(|Request { append, .. }| {
                let shard = append.lease.shard;
                let head = heads
                    .entry(shard)
                    .or_insert_with(|| self.heads[&shard].position);
                let first = *head + 1;
                *head += append.events.len() as Position;
                Numbered { append, first }
            })
            .collect();
        let began = Instant::now();
        let written = self.store.commit(&numbered).await;
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
        let positions = numbered
            .iter()
            .map(|Numbered { append, first }| AppendOutcome {
                first: *first,
                version: append.expected_version + append.events.len() as u64,
            })
            .collect();
        for (shard, position) in heads {
            self.heads.get_mut(&shard).expect("learned above").position = position;
        }
        Ok(positions)
    }

    /// Reads the heads that are not known under the lease of each append. An older lease than the one
    /// a head is known under needs no head: the fence refuses it.
    async fn learn_heads(&mut self, batch: &[Request]) -> Result<(), BatchError> {
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

/// Answers those that nobody waits for any more; the others stay.
fn drop_expired(batch: Vec<Request>) -> Vec<Request> {
    let now = Instant::now();
    let (expired, batch) = batch
        .into_iter()
        .partition(|request| request.append.deadline.has_passed(now));
    answer_all(expired, &AppendError::Expired);
    batch
}

fn answer_all(requests: Vec<Request>, failure: &AppendError) {
    for request in requests {
        let _ = request.answer.send(Err(failure.clone()));
    }
}

#[cfg(test)]
mod tests;
