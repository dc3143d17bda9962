//! Whether the file was found damaged, by any connection or by the look at the files. From then on
//! nothing is written into it, and nothing is read from it.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fritzy_types::StorageError;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::watch;
use tracing::{error, warn};

use super::error::is_damage;
use super::mark::Mark;
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

    /// Looks at an error of any connection.
    pub(super) fn note(&self, failure: &sqlx::Error) {
        if is_damage(failure) {
            self.report(&failure.to_string());
        }
    }

    /// Notes damage. The first one is logged, with the remedy, and kept in the mark beside the file:
    /// what was lost may not show at the next start.
    pub(super) fn report(&self, failure: &str) {
        let file = self.0.file.display();
        let is_first = self.0.reason.send_if_modified(|reason| {
            let is_first = reason.is_none();
            reason.get_or_insert_with(|| format!("the database {file} is damaged ({failure})"));
            is_first
        });
        if !is_first {
            return;
        }
        error!(
            %file, %failure,
            "the database is damaged: nothing is written into it or read from it any more, and this node is not ready. \
             Stop it, check the disk, and restore a backup with `fritzy restore`"
        );
        let marked = Mark::read(&self.0.file).and_then(|mark| {
            let mut mark = mark.unwrap_or_default();
            mark.damage = Some(failure.to_owned());
            mark.write(&self.0.file)
        });
        if let Err(failure) = marked {
            warn!(%file, %failure, "the next start will not know of the damage");
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

/// The connection of the committer, which is the last one to be closed: this moves the log into the
/// file, and removes it. Once damage was found it is not closed.
pub(super) struct LastConnection {
    connection: Option<SqliteConnection>,
    damage: Damage,
}

impl LastConnection {
    pub(super) const fn new(connection: SqliteConnection, damage: Damage) -> Self {
        Self {
            connection: Some(connection),
            damage,
        }
    }

    pub(super) async fn close(mut self) -> Result<(), sqlx::Error> {
        if self.damage.objection().is_none() {
            return self.connection.take().expect(OPEN).close().await;
        }
        warn!(
            file = %self.damage.0.file.display(),
            "the database is damaged, and is left as it is: its log stays beside it"
        );
        Ok(())
    }
}

const OPEN: &str = "open until it is closed or dropped";

impl Deref for LastConnection {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect(OPEN)
    }
}

impl DerefMut for LastConnection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect(OPEN)
    }
}

impl Drop for LastConnection {
    fn drop(&mut self) {
        if let (Some(connection), Some(_)) = (self.connection.take(), self.damage.objection()) {
            keep_open(&self.damage.0.file, connection);
        }
    }
}

/// Keeps a connection to a damaged file open until this process ends, or another one to the same
/// file is kept: while one is open, closing others does not change the file and its log.
pub(super) fn keep_open(file: &Path, connection: SqliteConnection) {
    static KEPT: Mutex<Option<HashMap<PathBuf, SqliteConnection>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    kept.insert(file.to_owned(), connection);
}
