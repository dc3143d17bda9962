//! Timestamps as text, in the format of RFC 3339.

use std::num::NonZeroU8;

use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};
use time::format_description::well_known::{Iso8601, Rfc3339};

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

/// Parses a timestamp. Decimals beyond microseconds are rounded up: everything at the given moment
/// or later is at the returned one or later, and everything before it is before.
///
/// # Errors
/// [`TimestampError`] when the text is not in the format of RFC 3339, or the time is out of range.
pub fn from_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::NotRfc3339)?;
    let micros = i64::try_from((time.unix_timestamp_nanos() + 999).div_euclid(1_000));
    micros
        .map(Timestamp::from_micros)
        .map_err(|_| TimestampError::OutOfRange)
}

/// All of them, so that texts have one length and sort like the times, and no client has to expect
/// two forms.
const DECIMALS: Option<NonZeroU8> = NonZeroU8::new(6);
const FORM: EncodedConfig = Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: DECIMALS,
    })
    .encode();

/// Formats a timestamp, in UTC, with six decimals of the second.
pub fn rfc3339(timestamp: Timestamp) -> String {
    let nanos = i128::from(timestamp.as_micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&Iso8601::<FORM>).ok())
        .expect("timestamps in the journal are between the years 0 and 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_has_six_decimals_whatever_they_are() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (500_000, "1970-01-01T00:00:00.500000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (853_590_896_100_000, "1997-01-18T12:34:56.100000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            let timestamp = Timestamp::from_micros(micros);
            assert_eq!(rfc3339(timestamp), text);
            assert_eq!(from_rfc3339(text), Ok(timestamp));
        }
    }

    #[test]
    fn finer_times_are_rounded_up() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.0000001Z", 1),
            ("1970-01-01T00:00:00.000000999Z", 1),
            ("1970-01-01T00:00:00.000001000Z", 1),
            ("1969-12-31T23:59:59.9999991Z", 0),
            ("1969-12-31T23:59:59.999998001Z", -1),
        ] {
            assert_eq!(
                from_rfc3339(text),
                Ok(Timestamp::from_micros(micros)),
                "{text}"
            );
        }
    }
}
