//! How a replay is run, and how it ended.

use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

use super::difference::Kind;
use super::report::ReplayReport;
use crate::{CallError, UrlError};

/// How a replay is run.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The node's GraphQL endpoint, e.g. `http://localhost:8000/graphql`.
    pub url: String,
    /// Requests under way at once, at most. 32 keeps two cores busy without a queue in the node.
    pub concurrency: NonZeroUsize,
    /// How long the failures of one request may last before the replay gives up. 60 s outlast a restart.
    pub retry_for: Duration,
    /// How long one attempt may take before it counts as a lost connection. 10 s is far beyond a slow answer.
    pub request_time_limit: Duration,
    /// The first part of every idempotency key. Another prefix makes everything once more.
    pub key_prefix: String,
}

/// The node's ids, in the sequence of the [`OrderBook`]'s entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacedIds {
    /// Ids of the accounts.
    pub accounts: Vec<String>,
    /// Ids of the products.
    pub products: Vec<String>,
    /// Ids of the orders.
    pub orders: Vec<String>,
}

/// A replay that came to its end, reconciled or not.
#[derive(Clone, Debug)]
pub struct ReplayOutcome {
    /// Counts, times and differences.
    pub report: ReplayReport,
    /// What the node called everything.
    pub ids: PlacedIds,
}

/// Why a replay stopped before its end. Run again, it goes on where it stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The address is not one.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The node refused an entry, or answered what this tool cannot read.
    #[error("{kind} {reference}: {source}")]
    Refused {
        /// What the request was for.
        kind: Kind,
        /// The file's ref.
        reference: String,
        /// The error.
        source: CallError,
    },
    /// Failures that usually pass did not.
    #[error("{kind} {reference}: gave up after {attempts} attempts in {:.1} s: {source}", .lasted.as_secs_f64())]
    GaveUp {
        /// What the request was for.
        kind: Kind,
        /// The file's ref.
        reference: String,
        /// Attempts made.
        attempts: u32,
        /// From the first attempt to the last failure.
        lasted: Duration,
        /// The last error.
        source: CallError,
    },
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            url: "http://localhost:8000/graphql".to_owned(),
            concurrency: NonZeroUsize::new(32).expect("32 is not 0"),
            retry_for: Duration::from_secs(60),
            request_time_limit: Duration::from_secs(10),
            key_prefix: "replay".to_owned(),
        }
    }
}

impl ReplayError {
    /// The code of the GraphQL error behind it, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Url(_) => None,
            Self::Refused { source, .. } | Self::GaveUp { source, .. } => source.code(),
        }
    }
}
