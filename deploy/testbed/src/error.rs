//! Why a server cannot be had, or does not do what it was asked to.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

/// A failure around a server of the tests.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// This machine does not have the server. Tests that need it are skipped; nothing is wrong with the project.
    #[error("{what} is not installed: {detail} ({how})")]
    Missing {
        /// The server.
        what: String,
        /// Where it was looked for, and what was found instead.
        detail: String,
        /// How to get it.
        how: &'static str,
    },
    /// A program ended badly; what it said is in `detail`.
    #[error("{what} failed: {detail}")]
    Failed {
        /// The program, or what was asked of the server.
        what: String,
        /// What it said last.
        detail: String,
    },
    /// Something took longer than it may.
    #[error(
        "{what} was not done within {limit:?}: the machine is overloaded, or the server is paused or hangs"
    )]
    TooLate {
        /// What was waited for.
        what: String,
        /// The bound.
        limit: Duration,
    },
    /// The server was stopped or killed, and is asked for something that only a running one can do.
    #[error("the server does not run: call restart first")]
    NotRunning,
    /// The operating system refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl ServiceError {
    /// Whether the server is merely absent, which is a reason to skip a test and none to fail it.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// What a test needs and this machine does not have; see [`skip_unless!`](crate::skip_unless).
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

    /// For `map_err`: what was tried, on which file.
    pub(crate) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{what} {}", path.display());
        move |source| Self::Io { what, source }
    }
}
