//! Why a measurement failed.

use std::io;

use thiserror::Error;

use crate::{CallError, ServerError, UrlError};

/// Why a measurement failed.
#[derive(Debug, Error)]
pub enum BenchError {
    /// Settings contradict each other or do not apply.
    #[error("{0}")]
    Settings(String),
    /// The URL of the node is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A server process did not start or did not end as expected.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The set-up of a scenario failed.
    #[error("preparing {what}: {reason}")]
    Preparing {
        /// What was being prepared.
        what: &'static str,
        /// The error of the failed step, as text.
        reason: String,
    },
    /// The load generator failed.
    #[error("the load generator: {0}")]
    Generator(String),
    /// A file could not be read or written.
    #[error("{file}: {failure}")]
    File {
        /// The path of the file.
        file: String,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// A file is not a report of this version.
    #[error("{file} is not a report that this version can read: {reason}")]
    Report {
        /// The path of the file.
        file: String,
        /// The error of the JSON parser, or the schema version that was found.
        reason: String,
    },
    /// No request was accepted, so there are no figures.
    #[error("{scenario}: no request was accepted; {instead}")]
    NothingAccepted {
        /// The variant as written on the command line.
        scenario: String,
        /// The outcomes of the requests.
        instead: String,
    },
    /// The run was interrupted.
    #[error("interrupted; all started processes are stopped")]
    Interrupted,
}

impl BenchError {
    /// Converts the error of a call during set-up.
    pub(crate) fn preparing(what: &'static str) -> impl Fn(CallError) -> Self {
        move |failure| Self::Preparing {
            what,
            reason: failure.to_string(),
        }
    }
}
