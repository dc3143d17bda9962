//! Checking a SQLite file: opened for reading only, in one transaction, beside a running node or without
//! one.

mod open;
mod rows;
mod schema;

use std::path::PathBuf;

use crate::verify::{self, VerifyProgress, VerifyReport};

/// What to check.
#[derive(Clone, Debug)]
pub struct VerifyConfig {
    /// The database file.
    pub file: PathBuf,
    /// Violations that are kept whole, some 1 KB each; further ones are counted.
    pub violations_max: usize,
}

/// Why a database could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is none.
    #[error("there is no database {file}. Name the folder of a node's data with --data-dir")]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// It is something else.
    #[error(
        "{file} is not a database of fritzy: {reason}. Name the folder of a node's data with --data-dir"
    )]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// A newer program has changed the schema.
    #[error(
        "the database {file} was written by a newer version of fritzy ({reason}). Check it with that version"
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// What is unknown here.
        reason: String,
    },
    /// This program has not yet changed the schema.
    #[error(
        "the database {file} was written by an older version of fritzy ({reason}). Check it with that version, or start a node of this one on it first"
    )]
    Older {
        /// The file.
        file: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The system does not let it be read.
    #[error(
        "the database {file} cannot be read: {reason}. Run this as the node's user: the file must be readable, \
         and its folder writable for what SQLite keeps beside it"
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Another process has locked it.
    #[error(
        "the database {file} is locked by another process ({reason}). End that process, or check a backup"
    )]
    Locked {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// Checks the database of a node against the invariants of ARCHITECTURE.md. Everything is read in one
/// transaction, so a running node may go on writing; nothing is ever written to the database or its log.
///
/// # Errors
/// [`VerifyError`], when nothing can be said about the database.
pub async fn verify_sqlite(
    config: &VerifyConfig,
    progress: &VerifyProgress,
) -> Result<VerifyReport, VerifyError> {
    let mut opened = open::Opened::open(&config.file).await?;
    let report = verify::check(&mut opened.rows, config.violations_max, progress).await;
    opened.close().await;
    report.map_err(|reason| VerifyError::Unreadable {
        file: config.file.clone(),
        reason,
    })
}
