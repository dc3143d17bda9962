//! Whole words in a line of text.

/// Whether the character can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the line holds the word itself, not as a part of a longer one.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_inside_a_longer_one_does_not_count() {
        for (line, expected) in [
            ("a price, then", true),
            ("price", true),
            ("prices", false),
            ("list_price", false),
            ("the prices of a price.", true),
            ("", false),
        ] {
            assert_eq!(has_word(line, "price"), expected, "{line}");
        }
    }
}
