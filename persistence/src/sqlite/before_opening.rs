//! What is looked at before a file is opened, so that a refused start changes nothing: whether a
//! shop that was created there is gone, and whether the file may lack what was acknowledged.

use std::fs;
use std::path::Path;

use sqlx::Row as _;
use tracing::warn;

use super::contents::{find_damage, find_gap};
use super::continuity::log_of;
use super::error::{ReadOnlyError, SqliteError, connect_error, unusable_file};
use super::file_lock::FileLock;
use super::leftover_log::{LeftoverLog, has_commits};
use super::mark::Mark;
use super::read_only::ReadOnly;

/// Refuses a file that has nothing where a shop was created.
pub(super) async fn refuse_vanished(
    file: &Path,
    lock: &FileLock,
    mark: Option<&Mark>,
) -> Result<(), SqliteError> {
    let database = lock.database();
    let vanished = |found, proof: &Path| SqliteError::Vanished {
        file: file.to_owned(),
        found,
        proof: proof.to_owned(),
    };
    let marked = mark.map(|_| Mark::path_of(database));
    let length = fs::metadata(database).map(|found| found.len());
    if length.map_err(|failure| unusable_file(file, &failure))? == 0 {
        let found = match lock.has_created() {
            true => "is missing",
            false => "is empty",
        };
        let log = log_of(database);
        return match marked {
            Some(mark) => Err(vanished(found, &mark)),
            // SQLite would remove it.
            None if has_commits(&log).map_err(|failure| unusable_file(file, &failure))? => {
                Err(vanished(found, &log))
            }
            None => Ok(()),
        };
    }
    let Some(mark) = marked else { return Ok(()) };
    // Everything was in its log, perhaps, and that is lost. Nothing is changed by this look.
    match has_shop(file).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(vanished("has no shop", &mark)),
        Err(ReadOnlyError::Damaged { file, reason }) => Err(SqliteError::Damaged { file, reason }),
        // Opening it tells what it is.
        Err(_) => Ok(()),
    }
}

/// Whether a file has the number of shards, which is written when a shop is created.
async fn has_shop(file: &Path) -> Result<bool, ReadOnlyError> {
    let (opened, mut connection) = ReadOnly::open(file).await?;
    let looking = async {
        let row = sqlx::query("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'")
            .fetch_one(&mut connection)
            .await?;
        if row.try_get::<i64, _>(0)? == 0 {
            return Ok(false);
        }
        let row = sqlx::query("SELECT count(*) FROM meta WHERE name = 'shards'")
            .fetch_one(&mut connection)
            .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    };
    let found: Result<bool, sqlx::Error> = looking.await;
    opened.close(connection).await;
    found.map_err(|failure| connect_error(file, &failure))
}

/// Why it is not certain that a file has everything that was acknowledged.
pub(super) enum Doubt {
    /// It was changed after its log, and by something else than moving the log into it.
    ByLog,
    /// A node has found it damaged, or its log: how, as a clause.
    ByDamage(String),
}

/// Looks whether the log beside the file belongs to it, and whether it was found damaged before. If
/// so, everything is read before anything is changed: the log is not moved into the file then.
pub(super) async fn find_doubt(
    file: &Path,
    database: &Path,
    past_damage: Option<String>,
) -> Result<Option<Doubt>, SqliteError> {
    let found = LeftoverLog::beside(database, &log_of(database));
    let found = found.map_err(|failure| unusable_file(file, &failure))?;
    if found == LeftoverLog::Sound && past_damage.is_none() {
        return Ok(None);
    }
    warn!(
        file = %file.display(), damage = past_damage,
        "the database was changed after its log, or was found damaged; checking it"
    );
    let damaged = |reason: String| {
        let file = file.to_owned();
        match found {
            LeftoverLog::Sound => SqliteError::Damaged { file, reason },
            LeftoverLog::Begun | LeftoverLog::Doubtful => {
                SqliteError::DamagedByLog { file, reason }
            }
        }
    };
    let opened = ReadOnly::open(file).await;
    let (opened, mut connection) = opened.map_err(|failure| damaged(failure.into_reason()))?;
    let checked = async {
        match find_damage(&mut connection).await? {
            None => find_gap(&mut connection).await,
            damage => Ok(damage),
        }
    };
    let checked: Result<_, sqlx::Error> = checked.await;
    opened.close(connection).await;
    match checked {
        Ok(None) => Ok(match (past_damage, found) {
            (Some(damage), _) => Some(Doubt::ByDamage(damage)),
            (None, LeftoverLog::Doubtful) => Some(Doubt::ByLog),
            (None, LeftoverLog::Begun | LeftoverLog::Sound) => None,
        }),
        Ok(Some(reason)) => Err(damaged(reason)),
        Err(failure) => Err(damaged(failure.to_string())),
    }
}
