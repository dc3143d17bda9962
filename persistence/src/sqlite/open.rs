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
use super::before_opening::{Doubt, find_doubt, refuse_vanished};
use super::continuity::SqliteContinuity;
use super::cursors::SqliteCursors;
use super::damage::keep_open;
use super::error::{SqliteError, unusable, unusable_file};
use super::file_lock::{FileLock, LockError};
use super::generations::{begin, first_or_newest, lost_events};
use super::journal::SqliteJournal;
use super::mark::Mark;
use super::options::{SqliteConfig, connect_options};
use super::order_listing::OrderListing;
use super::ownership::{SqliteOwnership, prepare_shards};
use super::read_model::SqliteReadModel;
use super::reader::SqliteReader;
use super::schema::migrate;
use super::topic_bindings::SqliteTopicBindings;
use super::write::SqliteBatches;
use crate::committer::Committer;
use crate::continuity::{Cause, GenerationId};
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
            LockError::Io(failure) => unusable_file(file, &failure),
        })?;
        let mark = Mark::read(lock.database()).map_err(|failure| unusable_file(file, &failure))?;
        refuse_vanished(file, &lock, mark.as_ref()).await?;
        let past_damage = mark.and_then(|mark| mark.damage);
        let doubt = find_doubt(file, lock.database(), past_damage).await?;
        // The same file by whatever link it was named; messages name it as the settings do.
        let options = connect_options(lock.database());
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|failure| unusable(file, &failure))?;
        let prepared = prepare(&mut connection, &config, lock.database(), doubt).await;
        let (continuity, listing) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                if matches!(failure, SqliteError::Damaged { .. }) {
                    keep_open(lock.database(), connection);
                }
                return Err(failure);
            }
        };
        let damage = continuity.damage().clone();
        let reader = SqliteReader::new(options.clone(), config.readers, damage);
        // Claims and cursors set by operators are rare, and wait for the committer like any second
        // writer.
        let watch = continuity.watch(options.clone());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.clone());
        let batches = SqliteBatches::new(connection, continuity.clone(), listing);
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

/// Brings an opened file up to date. Whoever looks for it later finds the mark.
pub(super) async fn prepare(
    connection: &mut SqliteConnection,
    config: &SqliteConfig,
    resolved: &Path,
    doubt: Option<Doubt>,
) -> Result<(SqliteContinuity, OrderListing), SqliteError> {
    let file = &config.file;
    migrate(connection, file).await?;
    check_durable(connection, file).await?;
    create_shards(connection, file, config.shards).await?;
    if let Some(doubt) = doubt {
        begin_doubtful(connection, file, doubt).await?;
    }
    let (generation, continuity) = known_history(connection, file, resolved).await?;
    let listing = OrderListing::open(connection, config.listing_chunk_rows).await;
    let listing = listing.map_err(|failure| unusable(file, &failure))?;
    let mark = Mark {
        generation: generation.number,
        damage: None,
    };
    if let Err(failure) = mark.write(resolved) {
        let mark = Mark::path_of(file);
        warn!(mark = %mark.display(), %failure, "it cannot be noted that a shop was created here");
    }
    Ok((continuity, listing))
}

/// Begins a new generation in a file that was changed by something else than a node: what it has
/// lost is unknown, and what follows is not the history that consumers know.
async fn begin_doubtful(
    connection: &mut SqliteConnection,
    file: &Path,
    doubt: Doubt,
) -> Result<(), SqliteError> {
    let begun = async {
        let found = first_or_newest(connection).await?;
        begin(connection, found, found, &[], Cause::Restored).await
    };
    let (generation, _) = begun.await.map_err(|failure| unusable(file, &failure))?;
    let (file, generation) = (file.display(), generation.number);
    match doubt {
        Doubt::ByLog => error!(
            %file, generation,
            "the database was changed after its log, by something else than a node. It is sound, but may have lost \
             acknowledged events: it continues as a new generation"
        ),
        Doubt::ByDamage(damage) => error!(
            %file, generation, damage,
            "a node had found the database damaged. It is sound now, but may have lost acknowledged events: it continues \
             as a new generation"
        ),
    }
    Ok(())
}

/// The generation of the file, as the line that this node is on.
async fn known_history(
    connection: &mut SqliteConnection,
    file: &Path,
    resolved: &Path,
) -> Result<(GenerationId, SqliteContinuity), SqliteError> {
    let generation = first_or_newest(connection).await;
    let generation = generation.map_err(|failure| unusable(file, &failure))?;
    let lost_events = lost_events(connection, generation).await;
    let lost_events = lost_events.map_err(|failure| unusable(file, &failure))?;
    let continuity = SqliteContinuity::new(resolved, generation, lost_events);
    let continuity = continuity.map_err(|failure| unusable_file(file, &failure))?;
    Ok((generation, continuity))
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
