//! Texts of clients in messages.

use std::borrow::Cow;

/// Characters of a client's text in a message: enough to find it.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// A text of the client for a message: its start, where it is long.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_shown_up_to_a_character() {
        let fits = "ü".repeat(SHOWN_CHARACTERS_MAX);
        assert_eq!(shortened(&fits), fits);
        assert_eq!(shortened(&format!("{fits}ü")), format!("{fits}…"));
        assert_eq!(shortened(""), "");
    }
}
