//! Moments as people and programs write them: RFC 3339.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Timestamp;

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is written otherwise.
    #[error("is not a moment as RFC 3339 writes it")]
    NotRfc3339,
    /// It is beyond what is counted in microseconds.
    #[error("is too far away")]
    TooFar,
}

/// Reads a moment.
///
/// # Errors
/// [`TimestampError`]
pub fn from_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::NotRfc3339)?;
    let micros = i64::try_from(moment.unix_timestamp_nanos() / 1_000);
    micros
        .map(Timestamp::from_micros)
        .map_err(|_| TimestampError::TooFar)
}

/// Writes a moment, in UTC.
pub fn rfc3339(moment: Timestamp) -> String {
    let nanos = i128::from(moment.as_micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .expect("moments in the journal are between the years 0 and 9999")
}
