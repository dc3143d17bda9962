//! Opens a file read-only: nothing in it is changed, nothing is left beside it, nobody is locked
//! out.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

use super::error::{
    CORRUPT, ReadOnlyError, connect_error, foreign, open_error, primary_code, unreadable,
};
use super::migrations::MIGRATIONS;
use super::schema::unmet_requirement;

/// Whether a file may have migrations that this version does not know and does not need to know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownSteps {
    Accepted,
    /// For comparisons with the whole schema.
    Refused,
}

/// The file of a read-only connection.
pub(super) struct ReadOnly {
    file: PathBuf,
    /// Whether there was a log beside the file before.
    had_log: bool,
}

impl ReadOnly {
    pub(super) async fn open(file: &Path) -> Result<(Self, SqliteConnection), ReadOnlyError> {
        check_file(file)?;
        let had_log = log_of(file).exists();
        let connection = SqliteConnection::connect_with(&options(file).read_only(true)).await;
        let connection = connection.map_err(|failure| connect_error(file, &failure))?;
        let file = file.to_owned();
        Ok((Self { file, had_log }, connection))
    }

    /// Runs statements that prepare the connection, then checks that the file is of this version.
    /// Closes it otherwise.
    pub(super) async fn check(
        self,
        mut connection: SqliteConnection,
        before: &[&'static str],
        unknown: UnknownSteps,
    ) -> Result<(Self, SqliteConnection), ReadOnlyError> {
        match check_schema(&mut connection, &self.file, before, unknown).await {
            Ok(()) => Ok((self, connection)),
            Err(failure) => {
                self.close(connection).await;
                Err(failure)
            }
        }
    }

    /// The error of a failed read.
    pub(super) fn failed(&self, reason: &str) -> ReadOnlyError {
        unreadable(&self.file, reason)
    }

    /// Closes the connection, and removes the log that it has created. A reader of a database in
    /// WAL mode creates an empty log if there is none, and cannot remove it. The last connection
    /// that may write can, so one is opened for that.
    pub(super) async fn close(self, connection: SqliteConnection) {
        let _ = connection.close().await;
        if self.had_log || fs::metadata(log_of(&self.file)).map_or(true, |log| log.len() > 0) {
            return;
        }
        if let Ok(mut connection) = SqliteConnection::connect_with(&options(&self.file)).await {
            // A connection opens the log at its first read.
            let _ = sqlx::query("SELECT count(*) FROM sqlite_schema")
                .fetch_one(&mut connection)
                .await;
            let _ = connection.close().await;
        }
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        // In WAL mode readers wait only for a connection that recovers a log.
        .busy_timeout(Duration::from_secs(5))
}

fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn check_file(file: &Path) -> Result<(), ReadOnlyError> {
    let found = fs::metadata(file).map_err(|failure| open_error(file, &failure))?;
    let reason = if !found.is_file() {
        "it is not a regular file"
    } else if found.len() == 0 {
        "it is empty"
    } else {
        return Ok(());
    };
    Err(foreign(file, reason))
}

pub(super) async fn check_schema(
    connection: &mut SqliteConnection,
    file: &Path,
    before: &[&'static str],
    unknown: UnknownSteps,
) -> Result<(), ReadOnlyError> {
    let refused = |failure: sqlx::Error| connect_error(file, &failure);
    for &statement in before {
        let done = sqlx::query(statement).execute(&mut *connection).await;
        done.map_err(refused)?;
    }
    let found = sqlx::query("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *connection)
        .await;
    let found = match found {
        // The check reports a damaged schema; it is no reason not to open the file.
        Err(failure) if primary_code(&failure) == Some(CORRUPT) => return Ok(()),
        found => found.map_err(refused)?,
    };
    if found.try_get::<i64, _>(0).map_err(refused)? == 0 {
        return Err(foreign(file, "it has no table of migrations"));
    }
    let applied = sqlx::query("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut *connection)
        .await;
    let applied = match applied {
        Err(failure) if primary_code(&failure) == Some(CORRUPT) => return Ok(()),
        applied => applied.map_err(refused)?,
    };
    let newer = |reason: String| ReadOnlyError::Newer {
        file: file.to_owned(),
        reason,
    };
    match unmet_requirement(connection).await {
        Err(failure) if primary_code(&failure) == Some(CORRUPT) => return Ok(()),
        unmet => {
            if let Some(reason) = unmet.map_err(refused)? {
                return Err(newer(reason));
            }
        }
    }
    let mut known = MIGRATIONS.iter();
    for row in applied {
        let version: i64 = row.try_get(0).map_err(refused)?;
        let checksum: Vec<u8> = row.try_get(1).map_err(refused)?;
        let is_accepted = match known.next() {
            Some(step) => step.version == version && *step.checksum == checksum[..],
            None => unknown == UnknownSteps::Accepted,
        };
        if !is_accepted {
            return Err(newer(format!(
                "step {version} of its schema is unknown here"
            )));
        }
    }
    match known.next() {
        None => Ok(()),
        Some(step) => Err(ReadOnlyError::Older {
            file: file.to_owned(),
            reason: format!("its schema lacks step {}", step.version),
        }),
    }
}
