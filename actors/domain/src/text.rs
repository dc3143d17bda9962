//! Validation of text: not blank, bounded, and without control characters. PostgreSQL cannot store
//! NUL, and one such row would fail its whole batch.

use crate::{Flaw, Rejection};

/// Characters of a name at most; longer ones are pasted documents.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a product's description at most.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Characters of the reason for a cancellation at most.
pub const REASON_CHARS_MAX: usize = 500;

/// A name: one line, not blank.
pub(crate) fn check_name(text: &str, field: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::invalid(field, Flaw::Empty));
    }
    check(text, field, NAME_CHARS_MAX, |_| false)
}

/// A text of several lines, which may be empty.
pub(crate) fn check_prose(text: &str, field: &str, chars_max: usize) -> Result<(), Rejection> {
    check(text, field, chars_max, |c| matches!(c, '\n' | '\r' | '\t'))
}

fn check(
    text: &str,
    field: &str,
    chars_max: usize,
    allowed_control: fn(char) -> bool,
) -> Result<(), Rejection> {
    // A character has at most 4 bytes: a megabyte of text is rejected without being counted.
    if text.len() > 4 * chars_max || text.chars().count() > chars_max {
        return Err(Rejection::invalid(field, Flaw::TooLong { max: chars_max }));
    }
    if text.chars().any(|c| c.is_control() && !allowed_control(c)) {
        return Err(Rejection::invalid(field, Flaw::ControlCharacter));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_must_be_one_bounded_printable_line() {
        assert_eq!(check_name("John Doe", "name"), Ok(()));
        assert_eq!(check_name("🧑‍🚀 Ærøskøbing", "name"), Ok(()));
        assert_eq!(check_name(&"é".repeat(NAME_CHARS_MAX), "name"), Ok(()));
        for (text, flaw) in [
            (String::new(), Flaw::Empty),
            (" \u{3000}\t".into(), Flaw::Empty),
            (
                "é".repeat(NAME_CHARS_MAX + 1),
                Flaw::TooLong {
                    max: NAME_CHARS_MAX,
                },
            ),
            (
                "x".repeat(1 << 20),
                Flaw::TooLong {
                    max: NAME_CHARS_MAX,
                },
            ),
            ("nul\0".into(), Flaw::ControlCharacter),
            ("two\nlines".into(), Flaw::ControlCharacter),
        ] {
            assert_eq!(
                check_name(&text, "name"),
                Err(Rejection::invalid("name", flaw))
            );
        }
    }

    #[test]
    fn prose_may_be_empty_or_multiline_without_nul() {
        assert_eq!(check_prose("", "description", 10), Ok(()));
        assert_eq!(check_prose("a\r\n\tb", "description", 10), Ok(()));
        assert_eq!(
            check_prose("a\0", "description", 10),
            Err(Rejection::invalid("description", Flaw::ControlCharacter))
        );
    }
}
