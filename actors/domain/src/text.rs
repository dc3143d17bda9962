//! Validation of text: not blank, bounded, and without control characters. PostgreSQL cannot store
//! NUL, and one such row would fail its whole batch.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

use crate::{Flaw, Rejection};

/// Characters of a name at most; longer ones are pasted documents.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a product's description at most.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Characters of the reason for a cancellation at most.
pub const REASON_CHARS_MAX: usize = 500;

/// A blank symbol that Unicode counts as visible.
const BRAILLE_BLANK: char = '\u{2800}';

/// A name: one line, not blank.
pub(crate) fn check_name(text: &str, field: &str) -> Result<(), Rejection> {
    check_line(text, field, NAME_CHARS_MAX)
}

/// One line that is not blank.
pub(crate) fn check_line(text: &str, field: &str, chars_max: usize) -> Result<(), Rejection> {
    check_length(text, field, chars_max)?;
    if text.chars().all(is_invisible) {
        return Err(Rejection::invalid(field, Flaw::Empty));
    }
    check_controls(text, field, |c| c.is_control() || ends_line(c))
}

/// A text of several lines, which may be empty.
pub(crate) fn check_prose(text: &str, field: &str, chars_max: usize) -> Result<(), Rejection> {
    check_length(text, field, chars_max)?;
    check_controls(text, field, |c| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
    })
}

/// Whether a character shows nothing by itself. Those that change others, such as the joiners in
/// emoji, are among them.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c == BRAILLE_BLANK
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character that is no control character ends a line.
const fn ends_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn check_length(text: &str, field: &str, chars_max: usize) -> Result<(), Rejection> {
    // A character has at most 4 bytes: a megabyte of text is rejected without being counted.
    if text.len() > 4 * chars_max || text.chars().count() > chars_max {
        return Err(Rejection::invalid(field, Flaw::TooLong { max: chars_max }));
    }
    Ok(())
}

fn check_controls(
    text: &str,
    field: &str,
    is_refused: impl Fn(char) -> bool,
) -> Result<(), Rejection> {
    if text.chars().any(is_refused) {
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
        for visible in ["می‌خواهم", "❤\u{fe0f}", "\u{feff}Ada", "\u{2801}"] {
            assert_eq!(check_name(visible, "name"), Ok(()), "{visible:?}");
        }
        assert_eq!(check_name(&"é".repeat(NAME_CHARS_MAX), "name"), Ok(()));
        for (text, flaw) in [
            (String::new(), Flaw::Empty),
            (" \u{3000}\t".into(), Flaw::Empty),
            ("\u{200b}\u{feff} \u{3164}".into(), Flaw::Empty),
            ("\u{200d}\u{fe0f}\u{ad}\u{2800}".into(), Flaw::Empty),
            ("a\u{2028}b".into(), Flaw::ControlCharacter),
            ("a\u{2029}".into(), Flaw::ControlCharacter),
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
        assert_eq!(check_prose("a\r\n\tb\u{2028}", "description", 10), Ok(()));
        assert_eq!(
            check_prose("a\0", "description", 10),
            Err(Rejection::invalid("description", Flaw::ControlCharacter))
        );
    }
}
