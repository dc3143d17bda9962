//! Timestamps as text, in the format of RFC 3339.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Timestamp;

/// Why a text is not a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text is not in the format of RFC 3339.
    #[error("is not an RFC 3339 timestamp")]
    NotRfc3339,
    /// The time does not fit into 64 bits of microseconds.
    #[error("is out of range")]
    OutOfRange,
}

/// Parses a timestamp.
///
/// # Errors
/// [`TimestampError`] when the text is not in the format of RFC 3339, or the time is out of range.
pub fn from_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::NotRfc3339)?;
    let micros = i64::try_from(time.unix_timestamp_nanos() / 1_000);
    micros
        .map(Timestamp::from_micros)
        .map_err(|_| TimestampError::OutOfRange)
}

/// Formats a timestamp, in UTC.
pub fn rfc3339(timestamp: Timestamp) -> String {
    let nanos = i128::from(timestamp.as_micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .expect("timestamps in the journal are between the years 0 and 9999")
}
