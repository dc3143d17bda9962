//! Opening the file: lock, create, migrate, and check that every acknowledged commit will be on
//! disk.

use std::path::Path;
use std::sync::Arc;

use fritzy_domain::{Journal, PrimaryOnly, ReadModel};
use fritzy_types::ShardCount;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, Row, SqliteConnection};
use tracing::{error, warn};

use super::backend::SqliteBackend;
use super::contents::{find_damage, find_gap};
use super::continuity::{SqliteContinuity, log_of};
use super::cursors::SqliteCursors;
use super::error::SqliteError;
use super::file_lock::{FileLock, LockError};
use super::generations::{begin, first_or_newest, lost_events};
use super::journal::SqliteJournal;
use super::leftover_log::LeftoverLog;
use super::options::{SqliteConfig, connect_options};
use super::ownership::{SqliteOwnership, prepare_shards};
use super::read_model::SqliteReadModel;
use super::read_only::ReadOnly;
use super::reader::SqliteReader;
use super::schema::migrate;
use super::topic_bindings::SqliteTopicBindings;
use super::write::SqliteBatches;
use crate::committer::Committer;
use crate::continuity::Cause;
use crate::stores::{StoreEngine, Stores};

impl Stores {
    /// Opens the database file; creates or migrates it if necessary.
    ///
    /// # Errors
    /// [`SqliteError`] when another process has the file, when it cannot be used or made durable,
    /// or when it is of another version or number of shards. The text says what to do.
    pub fn open_sqlite(config: SqliteConfig) -> BoxFuture<'static, Result<Self, SqliteError>> {
        // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
        Box::pin(Self::open_sqlite_file(config))
    }

    async fn open_sqlite_file(config: SqliteConfig) -> Result<Self, SqliteError> {
        let file = &config.file;
        let lock = FileLock::acquire(file).map_err(|failure| match failure {
            LockError::Held(holder) => SqliteError::InUse {
                file: file.clone(),
                holder,
            },
            LockError::Io(failure) => unusable(file, &failure),
        })?;
        let leftover = check_leftover_log(file).await?;
        // The same file by whatever link it was named; messages name it as the settings do.
        let options = connect_options(lock.database());
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|failure| unusable(file, &failure))?;
        migrate(&mut connection, file).await?;
        check_durable(&mut connection, file).await?;
        create_shards(&mut connection, file, config.shards).await?;
        if leftover == LeftoverLog::Doubtful {
            begin_doubtful(&mut connection, file).await?;
        }
        let continuity = known_history(&mut connection, file, lock.database()).await?;
        let damage = continuity.damage().clone();
        let reader = SqliteReader::new(options.clone(), config.readers, damage);
        // Claims and cursors set by operators are rare, and wait for the committer like any second
        // writer.
        let watch = continuity.watch(options.clone());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.clone());
        let batches = SqliteBatches::new(connection, continuity.clone());
        let committer = Committer::start(config.committer, batches);
        let journal = SqliteJournal::new(reader.clone(), committer.clone(), continuity.clone());
        let cursors = SqliteCursors::new(reader.clone(), writer.clone(), committer.clone());
        let read_model: Arc<dyn ReadModel> = Arc::new(SqliteReadModel::new(reader.clone()));
        Ok(Self {
            journal: Journal::of(Arc::new(journal)),
            replicas: Arc::new(PrimaryOnly(read_model.clone())),
            read_model,
            ownership: Arc::new(SqliteOwnership::new(
                config.shards,
                writer.clone(),
                continuity.clone(),
            )),
            cursors: Arc::new(cursors),
            topic_bindings: Arc::new(SqliteTopicBindings::new(
                reader.clone(),
                writer.clone(),
                file,
            )),
            membership: None,
            database: String::new(),
            engine: StoreEngine::with_backend(
                committer,
                SqliteBackend::new(reader, writer, lock, continuity, watch, options),
            ),
        })
    }
}

/// Looks whether the log beside the file belongs to it. If that is in doubt, everything is read
/// before anything is changed: the log is not moved into the file then.
async fn check_leftover_log(file: &Path) -> Result<LeftoverLog, SqliteError> {
    let found = LeftoverLog::beside(file, &log_of(file));
    let found = found.map_err(|failure| unusable(file, &failure))?;
    if found == LeftoverLog::Sound {
        return Ok(found);
    }
    warn!(file = %file.display(), "the database was changed after its log; checking it");
    let damaged = |reason: String| SqliteError::DamagedByLog {
        file: file.to_owned(),
        reason,
    };
    let opened = ReadOnly::open(file).await;
    let (opened, mut connection) = opened.map_err(|failure| damaged(failure.to_string()))?;
    let checked = async {
        match find_damage(&mut connection).await? {
            None => find_gap(&mut connection).await,
            damage => Ok(damage),
        }
    };
    let checked: Result<_, sqlx::Error> = checked.await;
    opened.close(connection).await;
    match checked {
        Ok(None) => Ok(found),
        Ok(Some(reason)) => Err(damaged(reason)),
        Err(failure) => Err(damaged(failure.to_string())),
    }
}

/// Begins a new generation in a file that was changed by something else than a node: what it has
/// lost is unknown, and what follows is not the history that consumers know.
async fn begin_doubtful(connection: &mut SqliteConnection, file: &Path) -> Result<(), SqliteError> {
    let begun = async {
        let found = first_or_newest(connection).await?;
        begin(connection, found, found, &[], Cause::Restored).await
    };
    let (generation, _) = begun.await.map_err(|failure| unusable(file, &failure))?;
    error!(
        file = %file.display(), generation = generation.number,
        "the database was changed after its log, by something else than a node. It is sound, but may have lost \
         acknowledged events: it continues as a new generation"
    );
    Ok(())
}

/// The generation of the file, as the line that this node is on.
async fn known_history(
    connection: &mut SqliteConnection,
    file: &Path,
    resolved: &Path,
) -> Result<SqliteContinuity, SqliteError> {
    let generation = first_or_newest(connection).await;
    let generation = generation.map_err(|failure| unusable(file, &failure))?;
    let lost_events = lost_events(connection, generation).await;
    let lost_events = lost_events.map_err(|failure| unusable(file, &failure))?;
    SqliteContinuity::new(resolved, generation, lost_events)
        .map_err(|failure| unusable(file, &failure))
}

fn unusable(file: &Path, failure: &impl ToString) -> SqliteError {
    SqliteError::Unusable {
        file: file.to_owned(),
        reason: failure.to_string(),
    }
}

async fn create_shards(
    connection: &mut SqliteConnection,
    file: &Path,
    shards: ShardCount,
) -> Result<(), SqliteError> {
    let expected = shards.get();
    let found = prepare_shards(connection, shards).await;
    let found = found.map_err(|failure| unusable(file, &failure))?;
    if found == expected {
        return Ok(());
    }
    Err(SqliteError::OtherShardCount {
        file: file.to_owned(),
        found,
        expected,
    })
}

/// Reads back, on the committer's own connection, the settings that durability depends on
/// (invariant I1).
async fn check_durable(writer: &mut SqliteConnection, file: &Path) -> Result<(), SqliteError> {
    let checks = [
        ("journal_mode", "PRAGMA journal_mode", "wal"),
        ("synchronous", "PRAGMA synchronous", "2"),
    ];
    for (pragma, statement, expected) in checks {
        let row = sqlx::query(statement)
            .fetch_one(&mut *writer)
            .await
            .map_err(|failure| unusable(file, &failure))?;
        let found = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
            .unwrap_or_default();
        if found != expected {
            return Err(SqliteError::NotDurable {
                file: file.to_owned(),
                pragma,
                found,
                expected,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

    use super::*;

    #[tokio::test]
    async fn i1_connection_without_sync_is_rejected_with_its_setting() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("fritzy.db");
        let durable = connect_options(&file);
        for (options, at_fault) in [
            (durable.clone(), None),
            (
                durable.clone().synchronous(SqliteSynchronous::Normal),
                Some("synchronous"),
            ),
            (
                durable.clone().synchronous(SqliteSynchronous::Off),
                Some("synchronous"),
            ),
            (
                durable.journal_mode(SqliteJournalMode::Memory),
                Some("journal_mode"),
            ),
        ] {
            let mut connection = SqliteConnection::connect_with(&options)
                .await
                .expect("opens");
            let found = match check_durable(&mut connection, &file).await {
                Ok(()) => None,
                Err(SqliteError::NotDurable { pragma, .. }) => Some(pragma),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, at_fault);
            connection.close().await.expect("closes");
        }
    }
}
