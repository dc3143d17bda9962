//! Time as data: timestamps and deadlines. Both are passed in; nothing here reads a clock.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A timestamp in microseconds since 1970-01-01T00:00:00Z. Microseconds because PostgreSQL stores
/// no finer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The timestamp `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

/// The time on this process's monotonic clock after which a response is of no use. Work that has
/// not started by then is dropped. Between nodes only the remaining time is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline at `instant`.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The time of the deadline.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// Whether `now` is at or past the deadline.
    pub fn has_passed(self, now: Instant) -> bool {
        now >= self.0
    }
}
