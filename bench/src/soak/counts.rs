//! Counts of requests by outcome, and latencies between and during faults.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::api::Failure;

/// Latencies in microseconds up to a minute; no request waits as long.
const LATENCY_US_MAX: u64 = 60_000_000;
const DIGITS: u8 = 3;

/// How often each kind of request was sent, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests by operation.
    pub sent_by_operation_count: BTreeMap<String, u64>,
    /// Requests with a result.
    pub succeeded_count: u64,
    /// Requests that certainly had no effect, by error code or failure of the connection.
    pub not_done_by_code_count: BTreeMap<String, u64>,
    /// Requests of unknown effect, by error code or failure of the connection.
    pub unknown_by_code_count: BTreeMap<String, u64>,
}

/// A request of unknown outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownOutcome {
    /// When it was sent, in seconds from the start of the load.
    pub sent_at_s: f64,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// What was requested.
    pub operation: String,
    /// The number of the node that it was sent to, from 1.
    pub node: usize,
    /// The error code, or the failure of the connection.
    pub code: String,
}

/// Latencies of successful requests of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Successful requests that were sent in the phase.
    pub succeeded_count: u64,
    /// The median in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// The longest in milliseconds.
    pub max_ms: f64,
}

/// Latencies of all phases so far.
#[derive(Debug)]
pub(crate) struct Latencies {
    between_us: Histogram<u64>,
    during_us: Histogram<u64>,
}

impl Counts {
    /// All requests.
    #[must_use]
    pub fn sent_count(&self) -> u64 {
        self.sent_by_operation_count.values().sum()
    }

    /// Requests without a result.
    #[must_use]
    pub fn failed_count(&self) -> u64 {
        let not_done: u64 = self.not_done_by_code_count.values().sum();
        not_done + self.unknown_by_code_count.values().sum::<u64>()
    }

    pub(crate) fn add(&mut self, operation: &str, failure: Option<&Failure>) {
        *self
            .sent_by_operation_count
            .entry(operation.to_owned())
            .or_default() += 1;
        match failure {
            None => self.succeeded_count += 1,
            Some(Failure::NotDone(code)) => {
                *self.not_done_by_code_count.entry(code.clone()).or_default() += 1;
            }
            Some(Failure::Unknown(code)) => {
                *self.unknown_by_code_count.entry(code.clone()).or_default() += 1;
            }
            // It is listed as a wrong answer.
            Some(Failure::Wrong(_)) => {}
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).expect("the bounds are valid");
        Self {
            between_us: histogram(),
            during_us: histogram(),
        }
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration, during_fault: bool) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match during_fault {
            true => self.during_us.saturating_record(us),
            false => self.between_us.saturating_record(us),
        }
    }

    pub(crate) fn between_faults(&self) -> Latency {
        Latency::of(&self.between_us)
    }

    pub(crate) fn during_faults(&self) -> Latency {
        Latency::of(&self.during_us)
    }
}

impl Latency {
    /// Without any request.
    pub(crate) fn none() -> Self {
        Latencies::default().between_faults()
    }

    fn of(us: &Histogram<u64>) -> Self {
        let ms = |us: u64| us as f64 / 1e3;
        Self {
            succeeded_count: us.len(),
            p50_ms: ms(us.value_at_quantile(0.5)),
            p99_ms: ms(us.value_at_quantile(0.99)),
            max_ms: ms(us.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once_by_its_outcome() {
        let mut counts = Counts::default();
        counts.add("read", None);
        counts.add("read", Some(&Failure::NotDone("UNAVAILABLE".to_owned())));
        counts.add(
            "write",
            Some(&Failure::Unknown("connection lost".to_owned())),
        );
        assert_eq!((counts.sent_count(), counts.succeeded_count), (3, 1));
        assert_eq!(counts.failed_count(), 2);
        assert_eq!(counts.sent_by_operation_count["read"], 2);
        assert_eq!(counts.not_done_by_code_count["UNAVAILABLE"], 1);
    }

    #[test]
    fn latencies_of_faults_are_apart() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_millis(5), false);
        latencies.record(Duration::from_secs(4), true);
        let (between, during) = (latencies.between_faults(), latencies.during_faults());
        assert!((between.max_ms - 5.0).abs() < 0.1, "{between:?}");
        assert!((during.p50_ms - 4_000.0).abs() < 10.0, "{during:?}");
    }
}
