//! The two clocks of the shells: the wall clock dates events, the monotonic clock bounds waiting.

use std::time::SystemTime;

use fritzy_types::{Deadline, Timestamp};
use tokio::time::Instant;

/// The wall clock, which dates events.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock is past 1970");
    let micros =
        i64::try_from(since_epoch.as_micros()).expect("the clock is before the year 294 000");
    Timestamp::from_micros(micros)
}

/// The clock of deadlines; tests can pause it.
pub(crate) fn now_monotonic() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether a deadline has passed, so that no client waits any more.
pub(crate) fn is_late(deadline: Deadline) -> bool {
    deadline.has_passed(now_monotonic())
}
