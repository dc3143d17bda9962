//! Why there are no figures.

use std::io;

use thiserror::Error;

use crate::{CallError, ServerError, UrlError};

/// Why there are no figures.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The settings do not fit together.
    #[error("{0}")]
    Settings(String),
    /// The address is not one.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A server did not start, or not end, as it should.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// What a scenario needs could not be made.
    #[error("preparing {what}: {reason}")]
    Preparing {
        /// What was to be made.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The generator itself does not work.
    #[error("the load generator: {0}")]
    Generator(String),
    /// A file cannot be read or written.
    #[error("{file}: {failure}")]
    File {
        /// Which.
        file: String,
        /// What the system said.
        failure: io::Error,
    },
    /// A file is no report of this program.
    #[error("{file} is not a report that this version reads: {reason}")]
    Report {
        /// Which.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Nothing was answered as asked, so there is nothing to tell.
    #[error("{scenario}: no request was answered as asked; {instead}")]
    NothingAccepted {
        /// Of which scenario.
        scenario: String,
        /// What happened instead.
        instead: String,
    },
    /// Somebody wants it to end.
    #[error("interrupted; everything that was started is stopped")]
    Interrupted,
}

impl BenchError {
    /// A call that was needed before measuring failed.
    pub(crate) fn preparing(what: &'static str) -> impl Fn(CallError) -> Self {
        move |failure| Self::Preparing {
            what,
            reason: failure.to_string(),
        }
    }
}
