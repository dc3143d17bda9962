//! The current time as a part of file names.

use std::time::{SystemTime, UNIX_EPOCH};

use fritzy_types::{Timestamp, rfc3339};

/// The current second in UTC, such as `20261129T111500Z`: names sort by time.
pub fn file_time() -> String {
    // A clock before 1970 is no reason not to make a backup.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let micros = i64::try_from(seconds).unwrap_or_default() * 1_000_000;
    compact(&rfc3339(Timestamp::from_micros(micros)))
}

/// The date and the second of a timestamp in UTC.
fn compact(timestamp: &str) -> String {
    let second = timestamp.split('.').next().unwrap_or_default().chars();
    let kept = second.filter(|character| character.is_ascii_alphanumeric());
    kept.chain(['Z']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_file_names_has_no_punctuation() {
        assert_eq!(compact("2026-11-29T11:15:00.000001Z"), "20261129T111500Z");
        assert_eq!(file_time().len(), 16);
    }
}
