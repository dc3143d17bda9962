//! Copies a file, with or without a running node, into one that is complete, checked and synced.

use std::fs;
use std::path::Path;

use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;

use super::contents::{find_damage, read_contents};
use super::error::{ReadOnlyError, is_damage, open_error};
use super::mark;
use super::read_only::{ReadOnly, UnknownSteps, check_schema};
use crate::backups::{BackupError, DatabaseContents, DatabaseFiles, NewFile, check_target};
use crate::open_error::OpenError;

/// Only for its owner: a backup has the data of all customers, and lies in a place of its own.
const MODE: u32 = 0o600;
/// The files of a database, by the ends of their names.
const FILES: [&str; 6] = ["", "-wal", "-shm", "-journal", ".lock", mark::END];

/// Copies the database `file` into the file `target`: one state of it, whatever a node writes
/// meanwhile. The target appears complete, checked and synced, or not at all. Returns what the copy
/// has, and its size in bytes.
///
/// # Errors
/// [`BackupError`] when the file cannot be read, when the target cannot be written or exists
/// without `overwrite`, and when the copy is damaged.
pub fn backup_sqlite<'a>(
    file: &'a Path,
    target: &'a Path,
    overwrite: bool,
) -> BoxFuture<'a, Result<(DatabaseContents, u64), BackupError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(back_up(file, target, overwrite))
}

async fn back_up(
    file: &Path,
    target: &Path,
    overwrite: bool,
) -> Result<(DatabaseContents, u64), BackupError> {
    let resolved = file.canonicalize();
    let resolved = resolved.map_err(|failure| OpenError::from(open_error(file, &failure)))?;
    let files = DatabaseFiles::new(&resolved, &FILES);
    let target = &*check_target(target, overwrite, Some(&files))?;
    let new = NewFile::beside(target, MODE).map_err(BackupError::io(target))?;
    copy(file, new.path()).await?;
    let contents = check(new.path(), file).await?;
    // Without an await, so that a signal comes before it or after it.
    let bytes = new.place(overwrite).map_err(BackupError::io(target))?;
    Ok((contents, bytes))
}

/// Whether both are the same file.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// Copies one state of a database of this version or an older one, with what its log has, into the
/// empty file `target`.
pub(super) async fn copy(file: &Path, target: &Path) -> Result<(), BackupError> {
    let (opened, mut connection) = ReadOnly::open(file).await.map_err(OpenError::from)?;
    let copied = async {
        check_version(&mut connection, file).await?;
        // It reads in one transaction, and does not hold up the committer.
        let copying = sqlx::query("VACUUM INTO ?").bind(target.to_string_lossy().into_owned());
        let copied = copying.execute(&mut connection).await;
        copied.map_err(|failure| match is_damage(&failure) {
            true => damaged(file, failure.to_string()),
            false => failed(file, &failure),
        })
    };
    let copied = copied.await;
    opened.close(connection).await;
    copied.map(drop)
}

/// Refuses foreign files and those of a newer version.
pub(super) async fn check_version(
    connection: &mut SqliteConnection,
    file: &Path,
) -> Result<(), BackupError> {
    match check_schema(connection, file, &[], UnknownSteps::Accepted).await {
        Ok(()) | Err(ReadOnlyError::Older { .. }) => Ok(()),
        Err(failure) => Err(OpenError::from(failure).into()),
    }
}

/// Reads the copy of `file` once, completely.
async fn check(copy: &Path, file: &Path) -> Result<DatabaseContents, BackupError> {
    let (opened, mut connection) = ReadOnly::open(copy).await.map_err(OpenError::from)?;
    let checked = async {
        let damage = find_damage(&mut connection).await;
        if let Some(reason) = damage.map_err(|failure| failed(file, &failure))? {
            return Err(damaged(file, reason));
        }
        let contents = read_contents(&mut connection).await;
        contents.map_err(|failure| failed(file, &failure))
    };
    let checked = checked.await;
    opened.close(connection).await;
    checked
}

/// What the copy of a database has, the database has.
pub(super) fn damaged(file: &Path, reason: String) -> BackupError {
    BackupError::DamagedDatabase {
        file: file.to_owned(),
        reason,
    }
}

pub(super) fn failed(file: &Path, failure: &sqlx::Error) -> BackupError {
    BackupError::Copy {
        file: file.to_owned(),
        reason: failure.to_string(),
    }
}
