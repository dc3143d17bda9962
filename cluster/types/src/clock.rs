//! Time as data: the moment a thing happened, and the moment after which nobody waits for it.
//! Both are handed in; nothing here reads a clock.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A moment in microseconds since 1970-01-01T00:00:00Z. Microseconds because PostgreSQL keeps no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

/// The moment on this process's monotonic clock after which an answer is of no use. Work that has
/// not begun by then is dropped; it never travels between nodes as a moment, only as what remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at `moment`.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The moment itself.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// Whether `now` is past the deadline.
    pub fn has_passed(self, now: Instant) -> bool {
        now >= self.0
    }
}
