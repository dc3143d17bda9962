//! Whether any connection has found the file damaged. From then on nothing is written into it, and
//! nothing is read from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fritzy_types::StorageError;
use tokio::sync::watch;
use tracing::error;

use super::error::{CORRUPT, NOT_A_DATABASE, primary_code};
use crate::rows::read_error;

/// What the connections of this node have found. Clones share it.
#[derive(Clone)]
pub(super) struct Damage(Arc<Found>);

struct Found {
    file: PathBuf,
    reason: watch::Sender<Option<String>>,
}

impl Damage {
    pub(super) fn new(file: &Path) -> Self {
        Self(Arc::new(Found {
            file: file.to_owned(),
            reason: watch::Sender::new(None),
        }))
    }

    /// Looks at an error of any connection. The first one that tells of damage is logged, with the
    /// remedy.
    pub(super) fn note(&self, failure: &sqlx::Error) {
        if !is_damage(failure) {
            return;
        }
        let file = self.0.file.display();
        let is_first = self.0.reason.send_if_modified(|reason| {
            let is_first = reason.is_none();
            reason.get_or_insert_with(|| format!("the database {file} is damaged ({failure})"));
            is_first
        });
        if is_first {
            error!(
                %file, %failure,
                "the database is damaged: nothing is written into it or read from it any more, and this node is not \
                 ready. Stop it, check the disk, and restore a backup with `fritzy restore`"
            );
        }
    }

    /// A failed read as an error of the ports.
    pub(super) fn read_error(&self, failure: sqlx::Error) -> StorageError {
        self.note(&failure);
        match (is_damage(&failure), self.objection()) {
            (true, Some(reason)) => StorageError::Damaged(reason),
            _ => read_error(failure),
        }
    }

    /// Why nothing is written or read any more; `None` while no damage was found.
    pub(super) fn objection(&self) -> Option<String> {
        self.0.reason.borrow().clone()
    }

    /// Fails once damage was found.
    pub(super) fn refuse(&self) -> Result<(), StorageError> {
        match self.objection() {
            None => Ok(()),
            Some(reason) => Err(StorageError::Damaged(reason)),
        }
    }

    /// Returns when damage was found.
    pub(super) async fn found(&self) {
        let mut reason = self.0.reason.subscribe();
        if reason.wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }
}

fn is_damage(failure: &sqlx::Error) -> bool {
    matches!(primary_code(failure), Some(CORRUPT | NOT_A_DATABASE))
}
