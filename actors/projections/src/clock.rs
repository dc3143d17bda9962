//! The wall clock, for the age of events that are not acknowledged yet.

use std::time::SystemTime;

use fritzy_types::Timestamp;

/// Microseconds since 1970, by the wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock is past 1970");
    let micros =
        i64::try_from(since_epoch.as_micros()).expect("the clock is before the year 294 000");
    Timestamp::from_micros(micros)
}
