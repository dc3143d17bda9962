//! A schedule: everything that a run is given, as a value that can be written and replayed.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use fritzy_testbed_faults::{Fault, FaultConfig};
use serde::{Deserialize, Serialize};

/// Faults at their times, and the clients that run meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// What it was drawn from. It also decides what the clients do.
    pub seed: u64,
    /// The number of nodes.
    pub nodes: usize,
    /// The number of concurrent clients.
    pub clients: usize,
    /// Accounts that they share.
    pub accounts: usize,
    /// Products that they share.
    pub products: usize,
    /// How long the clients run, in milliseconds.
    pub duration_ms: u64,
    /// Whether events are published on a broker.
    pub kafka: bool,
    /// The faults, by the time of their injection.
    pub faults: Vec<TimedFault>,
}

/// A fault and its time, from the start of the clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedFault {
    /// What is broken.
    pub fault: Fault,
    /// When it is injected, in milliseconds.
    pub at_ms: u64,
    /// After which time it is healed, in milliseconds.
    pub for_ms: u64,
}

impl TimedFault {
    /// When it is injected and healed, in milliseconds.
    #[must_use]
    pub const fn period_ms(&self) -> Range<u64> {
        self.at_ms..self.at_ms + self.for_ms
    }

    /// When it is injected.
    #[must_use]
    pub const fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// When it is healed.
    #[must_use]
    pub const fn until(&self) -> Duration {
        Duration::from_millis(self.at_ms + self.for_ms)
    }
}

impl Schedule {
    /// Whether a promotion in it may lose events.
    #[must_use]
    pub fn loses(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|timed| timed.fault == Fault::PromotionWithLoss)
    }

    /// The cluster that it needs.
    #[must_use]
    pub fn cluster(&self) -> FaultConfig {
        let config = FaultConfig {
            nodes: self.nodes,
            kafka: self.kafka,
            ..FaultConfig::default()
        };
        config.for_faults(self.faults.iter().map(|timed| &timed.fault))
    }
}

impl fmt::Display for TimedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
        let Range { start, end } = self.period_ms();
        let (start, end) = (seconds(start), seconds(end));
        write!(f, "{} {start:.1}-{end:.1}", self.fault)
    }
}
