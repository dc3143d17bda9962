//! Builds a batch from what is queued (group commit).

use std::collections::HashSet;

use fritzy_domain::{CommandId, EntityId, ExternalReference, Kind};
use tokio::sync::oneshot;

use super::command::{AppendRequest, CommitterCommand, CursorSave};

/// Builds batches. A batch that would hold two appends of an entity, of one idempotency key, or with
/// one external reference, ends before the second: whether the second is right depends on the
/// first.
#[derive(Default)]
pub(super) struct BatchBuilder {
    batch: Batch,
    entities: HashSet<EntityId>,
    keyed: HashSet<CommandId>,
    references: HashSet<(Kind, ExternalReference)>,
    /// Begins the next batch.
    deferred: Option<AppendRequest>,
}

/// One round of the committer: write the appends, save the cursors, complete the barriers, then
/// perhaps stop.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) appends: Vec<AppendRequest>,
    pub(super) cursors: Vec<CursorSave>,
    pub(super) barriers: Vec<oneshot::Sender<()>>,
    pub(super) closing: bool,
}

impl BatchBuilder {
    pub(super) fn is_empty(&self) -> bool {
        self.batch.appends.is_empty()
    }

    /// Whether the batch takes more commands. Never after a deferred append, so that a barrier
    /// taken later covers everything queued before it.
    pub(super) fn accepts_more(&self, batch_len_max: usize) -> bool {
        self.deferred.is_none() && !self.batch.closing && self.batch.appends.len() < batch_len_max
    }

    pub(super) fn push(&mut self, command: CommitterCommand) {
        match command {
            CommitterCommand::SaveCursors(save) => self.batch.cursors.push(save),
            CommitterCommand::Barrier(reached) => self.batch.barriers.push(reached),
            CommitterCommand::Close(closed) => {
                self.batch.barriers.push(closed);
                self.batch.closing = true;
            }
            CommitterCommand::Append(request) => {
                let kind = request.append.entity.kind();
                let claimed = request.append.claimed_reference();
                let claimed = claimed.map(|reference| (kind, reference.clone()));
                let keyed = request.append.fingerprint.map(|_| request.append.command);
                if self.entities.contains(&request.append.entity)
                    || keyed.is_some_and(|command| self.keyed.contains(&command))
                    || claimed
                        .as_ref()
                        .is_some_and(|claimed| self.references.contains(claimed))
                {
                    self.deferred = Some(request);
                    return;
                }
                self.entities.insert(request.append.entity);
                self.keyed.extend(keyed);
                self.references.extend(claimed);
                self.batch.appends.push(request);
            }
        }
    }

    /// Takes the batch; a deferred append begins the next one.
    pub(super) fn finish(&mut self) -> Batch {
        self.entities.clear();
        self.keyed.clear();
        self.references.clear();
        let batch = std::mem::take(&mut self.batch);
        if let Some(deferred) = self.deferred.take() {
            self.push(CommitterCommand::Append(deferred));
        }
        batch
    }
}
