//! Why a server is not available, or an operation on it failed.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

/// A failure of a server or a node of a test.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The machine does not have the server. Tests that need it are skipped; the project is not at
    /// fault.
    #[error("{what} is not installed: {detail} ({how})")]
    Missing {
        /// The server or program that was searched for, e.g. `Apache Kafka`.
        what: String,
        /// Where it was searched, and what was found instead.
        detail: String,
        /// How to install it.
        how: &'static str,
    },
    /// A program failed; its output is in `detail`.
    #[error("{what} failed: {detail}")]
    Failed {
        /// The program or the operation.
        what: String,
        /// The exit status and the last output, or the reason without a program.
        detail: String,
    },
    /// An operation took longer than its limit.
    #[error(
        "{what} was not done within {limit:?}: the machine is overloaded, or the server is paused or hangs"
    )]
    TooLate {
        /// The operation that was waited for, e.g. `the start of tansu`.
        what: String,
        /// The time that the operation was given.
        limit: Duration,
    },
    /// The server was stopped or killed, and the operation needs a running one.
    #[error("the server does not run: call restart first")]
    NotRunning,
    /// The operating system reported an error.
    #[error("cannot {what}: {source}")]
    Io {
        /// The operation and its object.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
}

impl ServiceError {
    /// Whether the server is absent, which skips a test and does not fail it.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Something that a test needs and this machine does not have; see
    /// [`skip_unless!`](crate::skip_unless).
    #[must_use]
    pub fn missing(what: &str, detail: impl Display, how: &'static str) -> Self {
        Self::Missing {
            what: what.to_owned(),
            detail: detail.to_string(),
            how,
        }
    }

    pub(crate) fn failed(what: impl Into<String>, detail: impl Display) -> Self {
        Self::Failed {
            what: what.into(),
            detail: detail.to_string(),
        }
    }

    /// For `map_err`: the operation and the file.
    pub(crate) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{what} {}", path.display());
        move |source| Self::Io { what, source }
    }
}
