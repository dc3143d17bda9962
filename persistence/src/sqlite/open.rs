//! Opening the file: lock, create, migrate, and check that what is acknowledged will be on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{Journal, PrimaryOnly, ReadModel};
use fritzy_types::ShardCount;
use prometheus_client::metrics::counter::Counter;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection};

use super::lock::{FileLock, LockError};
use super::write::SqliteBatches;
use super::{MIGRATIONS, SqliteStore, ownership};
use crate::committer::{Committer, CommitterConfig};
use crate::stores::{Behind, Stores};

/// Settings of the stores on SQLite.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The database file; its folder exists.
    pub file: PathBuf,
    /// How many shards a new database gets; an existing one must have as many.
    pub shards: ShardCount,
    /// Connections for reading. Reads are short and the page cache is shared: a few suffice.
    pub readers: u32,
    /// Limits of the committer.
    pub committer: CommitterConfig,
}

impl SqliteConfig {
    /// The defaults for a database at `file`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            shards: ShardCount::DEFAULT,
            readers: 4,
            committer: CommitterConfig::default(),
        }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the database {file} is in use by another process{}. One file serves one node: stop that node, \
         or start this one with another data folder (--data-dir)",
        holder.map(|pid| format!(" (process id {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The database file.
        file: PathBuf,
        /// The other process, where it is known.
        holder: Option<u32>,
    },
    /// The folder or the file cannot be used.
    #[error(
        "the database {file} cannot be used: {reason}. Check that its folder exists and is writable"
    )]
    Unusable {
        /// The database file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A newer program has changed the schema.
    #[error(
        "the database {file} was written by a newer version of fritzy ({reason}). Start that version"
    )]
    Newer {
        /// The database file.
        file: PathBuf,
        /// What the migrator said.
        reason: String,
    },
    /// It has another number of shards.
    #[error(
        "the database {file} was created with {found} shards, the settings say {expected}. \
         The number is fixed when a database is created: set it to {found}"
    )]
    OtherShardCount {
        /// The database file.
        file: PathBuf,
        /// What the database has.
        found: u16,
        /// What the settings say.
        expected: u16,
    },
    /// SQLite did not take a setting that durability rests on.
    #[error("the database {file} is not durable here: {pragma} is {found}, not {expected}")]
    NotDurable {
        /// The database file.
        file: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl Stores {
    /// Opens the database file, creating or migrating it.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do about it.
    pub async fn open_sqlite(config: SqliteConfig) -> Result<Self, OpenError> {
        let file = &config.file;
        let unusable = |reason: String| OpenError::Unusable {
            file: file.clone(),
            reason,
        };
        let lock = FileLock::acquire(&lock_path(file)).map_err(|failure| match failure {
            LockError::Held(holder) => OpenError::InUse {
                file: file.clone(),
                holder,
            },
            LockError::Io(failure) => unusable(failure.to_string()),
        })?;
        let options = connect_options(file);
        let mut writer = SqliteConnection::connect_with(&options)
            .await
            .map_err(|failure| unusable(failure.to_string()))?;
        MIGRATIONS
            .run_direct(None, &mut writer, false)
            .await
            .map_err(|failure| match failure {
                MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
                    OpenError::Newer {
                        file: file.clone(),
                        reason: failure.to_string(),
                    }
                }
                other => unusable(other.to_string()),
            })?;
        check_durable(&mut writer, file).await?;
        let found = ownership::prepare_shards(&mut writer, config.shards)
            .await
            .map_err(|failure| unusable(failure.to_string()))?;
        if found != config.shards.get() {
            let expected = config.shards.get();
            return Err(OpenError::OtherShardCount {
                file: file.clone(),
                found,
                expected,
            });
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(config.readers)
            .connect_lazy_with(options.clone().read_only(true));
        let claims = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options);
        let committer = Committer::start(config.committer, SqliteBatches::new(writer));
        let store = Arc::new(SqliteStore {
            shards: config.shards,
            readers,
            reads: Counter::default(),
            claims,
            committer: committer.clone(),
            lock: std::sync::Mutex::new(Some(lock)),
        });
        let behind: Arc<dyn Behind> = store.clone();
        let journal = Journal::of(store.clone());
        let read_model: Arc<dyn ReadModel> = store.clone();
        Ok(Self {
            journal,
            copies: Arc::new(PrimaryOnly(read_model.clone())),
            read_model,
            ownership: store.clone(),
            cursors: store,
            membership: None,
            generation: String::new(),
            committer,
            behind: Some(behind),
        })
    }
}

fn lock_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

pub(super) fn connect_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL syncs the log at every commit. NORMAL, which is faster, may lose acknowledged ones.
        .synchronous(SqliteSynchronous::Full)
        // Writers wait for each other this long; only claims ever meet the committer.
        .busy_timeout(Duration::from_secs(5))
        // The committer's multi-row statements come in a few sizes; they must all stay prepared.
        .statement_cache_capacity(256)
}

/// Reads back, on the committer's own connection, what durability rests on (invariant I1).
async fn check_durable(writer: &mut SqliteConnection, file: &Path) -> Result<(), OpenError> {
    let checks = [
        ("journal_mode", "PRAGMA journal_mode", "wal"),
        ("synchronous", "PRAGMA synchronous", "2"),
    ];
    for (pragma, statement, expected) in checks {
        let row = sqlx::query(statement)
            .fetch_one(&mut *writer)
            .await
            .map_err(|failure| OpenError::Unusable {
                file: file.to_owned(),
                reason: failure.to_string(),
            })?;
        let found = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
            .unwrap_or_default();
        if found != expected {
            return Err(OpenError::NotDurable {
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
    use super::*;

    #[tokio::test]
    async fn a_connection_that_would_not_sync_is_refused_by_the_setting_at_fault() {
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
                Err(OpenError::NotDurable { pragma, .. }) => Some(pragma),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, at_fault);
            connection.close().await.expect("closes");
        }
    }
}
