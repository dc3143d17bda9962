//! The reference by which another system knows an entity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Rejection;
use crate::text::check_line;

/// Characters of an external reference at most: any identifier with a prefix. An index holds each
/// whole, so that they must stay small.
pub const EXTERNAL_REFERENCE_CHARS_MAX: usize = 128;

/// The reference by which another system knows an entity: one visible line. References are equal if
/// their bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalReference(String);

impl ExternalReference {
    /// Parses the argument `externalReference`.
    ///
    /// # Errors
    /// When the text is blank, longer than [`EXTERNAL_REFERENCE_CHARS_MAX`], or has a line break or
    /// another control character.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        check_line(text, "externalReference", EXTERNAL_REFERENCE_CHARS_MAX)?;
        Ok(Self(text.to_owned()))
    }

    /// A reference that was checked before it was stored.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flaw;

    #[test]
    fn reference_must_be_one_bounded_visible_line() {
        for valid in [
            "erp:4711/ä",
            "a b",
            &"é".repeat(EXTERNAL_REFERENCE_CHARS_MAX),
        ] {
            let reference = ExternalReference::parse(valid).expect("valid");
            assert_eq!(reference.as_str(), valid);
        }
        let max = EXTERNAL_REFERENCE_CHARS_MAX;
        for (text, flaw) in [
            ("", Flaw::Empty),
            (" \t", Flaw::Empty),
            ("\u{200b}\u{feff}", Flaw::Empty),
            ("a\nb", Flaw::ControlCharacter),
            ("a\u{2028}b", Flaw::ControlCharacter),
            ("a\0", Flaw::ControlCharacter),
            (&"é".repeat(max + 1), Flaw::TooLong { max }),
        ] {
            let rejected = Rejection::invalid("externalReference", flaw);
            assert_eq!(ExternalReference::parse(text), Err(rejected), "{text:?}");
        }
    }
}
