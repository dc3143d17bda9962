//! The options and the outcome of a replay.

use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

use super::difference::Kind;
use super::report::ReplayReport;
use crate::{CallError, UrlError};

/// The options of a replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The node's GraphQL endpoint, e.g. `http://localhost:8000/graphql`.
    pub url: String,
    /// Maximum of requests in flight. 32 keeps two cores busy without a queue in the node.
    pub concurrency: NonZeroUsize,
    /// How long one request may fail before the replay gives up. 60 s are longer than a restart.
    pub retry_for: Duration,
    /// The time limit of one attempt, after which it counts as a lost connection. 10 s is far above
    /// a slow response.
    pub request_time_limit: Duration,
    /// The prefix of every idempotency key. Another prefix creates everything once more.
    pub key_prefix: String,
}

/// The node's ids, in the order of the entries of [`OrderBook`](super::OrderBook).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedIds {
    /// The ids of the accounts.
    pub accounts: Vec<String>,
    /// The ids of the products.
    pub products: Vec<String>,
    /// The ids of the orders.
    pub orders: Vec<String>,
}

/// A completed replay, reconciled or not.
#[derive(Clone, Debug)]
pub struct ReplayOutcome {
    /// Counts, times and differences.
    pub report: ReplayReport,
    /// The ids that the node assigned.
    pub ids: CreatedIds,
}

/// Why a replay stopped early. Another run continues where it stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The URL of the node is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The node rejected an entry, or sent an unexpected response.
    #[error("{kind} {reference}: {source}")]
    Rejected {
        /// The kind of the request's entry.
        kind: Kind,
        /// The ref of the entry in the file.
        reference: String,
        /// The error of the call, which a retry would not change.
        source: CallError,
    },
    /// Temporary failures lasted longer than [`ReplayOptions::retry_for`].
    #[error("{kind} {reference}: gave up after {attempts} attempts in {:.1} s: {source}", .lasted.as_secs_f64())]
    GaveUp {
        /// The kind of the request's entry.
        kind: Kind,
        /// The ref of the entry in the file.
        reference: String,
        /// The number of attempts.
        attempts: u32,
        /// The time from the first attempt to the last failure.
        lasted: Duration,
        /// The error of the last attempt.
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
    /// The code of the underlying GraphQL error, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Url(_) => None,
            Self::Rejected { source, .. } | Self::GaveUp { source, .. } => source.code(),
        }
    }
}
