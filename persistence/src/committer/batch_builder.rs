//! What waits for the committer, and how a batch is put together from it.

use std::collections::HashSet;

use fritzy_domain::{Append, AppendError, AppendOutcome, CommandId, CursorMove, EntityId};
use fritzy_types::{ShardId, StorageError};
use tokio::sync::oneshot;

/// An append and who waits for its answer.
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) answer: oneshot::Sender<Result<AppendOutcome, AppendError>>,
}

/// Cursors to be saved, and who waits for the shards whose were not.
pub(super) struct Saving {
    pub(super) projection: String,
    pub(super) moves: Vec<CursorMove>,
    pub(super) answer: oneshot::Sender<Result<Vec<ShardId>, StorageError>>,
}

/// One entry of the queue.
pub(super) enum Work {
    Commit(Request),
    /// Saved behind the batch that it is gathered with.
    Cursors(Saving),
    /// To be told once everything before it has been answered.
    Barrier(oneshot::Sender<()>),
    /// The same, and the end.
    Close(oneshot::Sender<()>),
}

/// A batch being put together. One that would hold two appends of an entity, or two of one key, ends
/// before the second: whether that is right depends on the first.
#[derive(Default)]
pub(super) struct Gathering {
    gathered: Gathered,
    entities: HashSet<EntityId>,
    keyed: HashSet<CommandId>,
    /// Begins the next batch.
    left_over: Option<Request>,
}

/// What is to be done next: write the batch, save the cursors, then tell the barriers, then perhaps end.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) batch: Vec<Request>,
    pub(super) cursors: Vec<Saving>,
    pub(super) barriers: Vec<oneshot::Sender<()>>,
    pub(super) closing: bool,
}

impl Gathering {
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.batch.is_empty()
    }

    /// Whether to take more. Never behind a left-over, so that a barrier taken later is behind all
    /// that came before it.
    pub(super) fn has_room(&self, batch_len_max: usize) -> bool {
        self.left_over.is_none()
            && !self.gathered.closing
            && self.gathered.batch.len() < batch_len_max
    }

    pub(super) fn take(&mut self, work: Work) {
        match work {
            Work::Cursors(saving) => self.gathered.cursors.push(saving),
            Work::Barrier(passed) => self.gathered.barriers.push(passed),
            Work::Close(passed) => {
                self.gathered.barriers.push(passed);
                self.gathered.closing = true;
            }
            Work::Commit(request) => {
                let keyed = request.append.fingerprint.map(|_| request.append.command);
                if self.entities.contains(&request.append.entity)
                    || keyed.is_some_and(|command| self.keyed.contains(&command))
                {
                    self.left_over = Some(request);
                    return;
                }
                self.entities.insert(request.append.entity);
                self.keyed.extend(keyed);
                self.gathered.batch.push(request);
            }
        }
    }

    /// What was gathered; a left-over begins the next.
    pub(super) fn finish(&mut self) -> Gathered {
        self.entities.clear();
        self.keyed.clear();
        let gathered = std::mem::take(&mut self.gathered);
        if let Some(left_over) = self.left_over.take() {
            self.take(Work::Commit(left_over));
        }
        gathered
    }
}
