//! Why a file cannot be opened, and why a transaction was not committed.

use std::path::{Path, PathBuf};

use fritzy_types::ShardLease;

use crate::open_error::OpenError;

/// Why a SQLite database could not be opened for a node.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Another process uses the database.
    #[error(
        "the database {file} is in use by another process{}. One file serves one node: stop that node, \
         or start this one with another data folder (--data-dir)",
        holder.map(|pid| format!(" (process id {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The database file whose lock the other process holds.
        file: PathBuf,
        /// Process id of the other process, if known.
        holder: Option<u32>,
    },
    /// The folder or the file cannot be used.
    #[error(
        "the database {file} cannot be used: {reason}. Check that its folder exists and is writable"
    )]
    Unusable {
        /// The database file that cannot be opened or written.
        file: PathBuf,
        /// The message of the system, of SQLite or of the migrator.
        reason: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {file} was written by a newer version of fritzy ({reason}). Start that version"
    )]
    Newer {
        /// The database file with the newer schema.
        file: PathBuf,
        /// The migrator's message, which names the migration.
        reason: String,
    },
    /// The database has another number of shards than the settings.
    #[error(
        "the database {file} was created with {found} shards, the settings say {expected}. \
         The number is fixed when a database is created: set it to {found}"
    )]
    OtherShardCount {
        /// The database file that was to be opened.
        file: PathBuf,
        /// Number of shards of the database.
        found: u16,
        /// Number of shards in the settings.
        expected: u16,
    },
    /// The file is damaged, and was changed after the log beside it.
    #[error(
        "the database {file} is damaged: {reason}. It was changed after its log {file}-wal, so that the log may be that of \
         a file that was here before. Restore a backup with `fritzy restore`: it removes the log"
    )]
    DamagedByLog {
        /// The database file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// SQLite did not accept a setting that durability depends on.
    #[error("the database {file} is not durable here: {pragma} is {found}, not {expected}")]
    NotDurable {
        /// The database file that the pragma applies to.
        file: PathBuf,
        /// Name of the pragma.
        pragma: &'static str,
        /// Its value, as SQLite returns it.
        found: String,
        /// The value that durability needs, such as `wal`.
        expected: &'static str,
    },
}

/// Why a SQLite database could not be opened read-only.
#[derive(Debug, thiserror::Error)]
pub enum ReadOnlyError {
    /// There is no such file.
    #[error("there is no database {file}. Name the folder of a node's data with --data-dir")]
    Missing {
        /// The path at which no file was found.
        file: PathBuf,
    },
    /// The file is no database of fritzy.
    #[error(
        "{file} is not a database of fritzy: {reason}. Name the folder of a node's data with --data-dir"
    )]
    Foreign {
        /// The path of the file that was found.
        file: PathBuf,
        /// What is wrong with it, as a clause.
        reason: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {file} was written by a newer version of fritzy ({reason}). Read it with that version"
    )]
    Newer {
        /// The database file with the newer schema.
        file: PathBuf,
        /// The unknown migration, as a clause.
        reason: String,
    },
    /// The database was written by an older version and has not been migrated.
    #[error(
        "the database {file} was written by an older version of fritzy ({reason}). Read it with that version, or start a node of this version on it first"
    )]
    Older {
        /// The database file with the older schema.
        file: PathBuf,
        /// The missing migration, as a clause.
        reason: String,
    },
    /// The file is damaged.
    #[error(
        "the database {file} is damaged: {reason}. Check the disk, and restore a backup with `fritzy restore`"
    )]
    Damaged {
        /// The database file.
        file: PathBuf,
        /// The message of SQLite.
        reason: String,
    },
    /// The system does not let the file be read.
    #[error(
        "the database {file} cannot be read: {reason}. Run this as the node's user: the file must be readable, \
         and its folder writable for what SQLite keeps beside it"
    )]
    Unreadable {
        /// The database file that was to be read.
        file: PathBuf,
        /// The message of the system or of SQLite.
        reason: String,
    },
    /// Another process has locked the database.
    #[error(
        "the database {file} is locked by another process ({reason}). End that process, or read a backup"
    )]
    Locked {
        /// The database file that the other process has locked.
        file: PathBuf,
        /// SQLite's message, such as that the database is locked.
        reason: String,
    },
}

impl From<ReadOnlyError> for OpenError {
    fn from(failure: ReadOnlyError) -> Self {
        Self::new(failure)
    }
}

/// Why a transaction was not committed.
pub(super) enum WriteError {
    Fenced(Vec<ShardLease>),
    Conflicts(Vec<usize>),
    /// A statement before the commit failed.
    Statement(sqlx::Error),
    /// The commit itself failed.
    Commit(sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(failure: sqlx::Error) -> Self {
        Self::Statement(failure)
    }
}

/// SQLite's primary result codes.
pub(super) const CORRUPT: u32 = 11;
pub(super) const NOT_A_DATABASE: u32 = 26;
pub(super) const BUSY: u32 = 5;
pub(super) const LOCKED: u32 = 6;

/// Whether SQLite rejected the values, rather than failed to store them.
pub(super) fn is_rejection(failure: &sqlx::Error) -> bool {
    const CONSTRAINT: u32 = 19;
    const TOO_BIG: u32 = 18;
    matches!(primary_code(failure), Some(CONSTRAINT | TOO_BIG))
}

/// Whether the disk was full.
pub(super) fn is_full(failure: &sqlx::Error) -> bool {
    const FULL: u32 = 13;
    primary_code(failure) == Some(FULL)
}

pub(super) fn primary_code(failure: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(failure) = failure else {
        return None;
    };
    let code: u32 = failure.code()?.parse().ok()?;
    // The low byte of an extended code is the primary one.
    Some(code & 0xFF)
}

pub(super) fn connect_error(file: &Path, failure: &sqlx::Error) -> ReadOnlyError {
    match primary_code(failure) {
        Some(NOT_A_DATABASE) => foreign(file, "it is not a SQLite file"),
        Some(BUSY | LOCKED) => ReadOnlyError::Locked {
            file: file.to_owned(),
            reason: failure.to_string(),
        },
        Some(CORRUPT) => ReadOnlyError::Damaged {
            file: file.to_owned(),
            reason: failure.to_string(),
        },
        _ => unreadable(file, &failure.to_string()),
    }
}

pub(super) fn foreign(file: &Path, reason: &str) -> ReadOnlyError {
    ReadOnlyError::Foreign {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

pub(super) fn unreadable(file: &Path, reason: &str) -> ReadOnlyError {
    ReadOnlyError::Unreadable {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}
