//! How many words a document has, and how long they are: checked before it is parsed. Whoever validates it makes
//! an error for each word that is wrong, and repeats names in it.

use super::document_limits::behind_text;

/// Names, numbers and strings of a document. The largest that people write (introspection, an order with a hundred
/// lines) have some hundreds; an error for each takes up to 6 KB while they are gathered.
const WORDS_MAX: usize = 12_000;
/// Bytes of a name. Those of this schema have some 20, those that tools make up to 100.
pub(super) const NAME_BYTES_MAX: usize = 256;

/// How many words a document has, or what of them is too much.
pub(super) fn count_words(document: &str) -> Result<usize, String> {
    let mut words = 0_usize;
    let mut rest = document.as_bytes();
    while let Some(first) = rest.first() {
        if let Some(behind) = behind_text(rest) {
            words += usize::from(*first == b'"');
            rest = behind;
        } else if is_of_word(*first) {
            let len = rest.iter().take_while(|byte| is_of_word(**byte)).count();
            if len > NAME_BYTES_MAX {
                return Err(format!(
                    "a name or number in the document has more than {NAME_BYTES_MAX} bytes"
                ));
            }
            words += 1;
            rest = &rest[len..];
        } else {
            rest = &rest[1..];
        }
        if words > WORDS_MAX {
            return Err(format!(
                "the document has more than {WORDS_MAX} names, numbers and strings: give values as variables"
            ));
        }
    }
    Ok(words)
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_whatever_they_are_and_texts_are_one_each() {
        let many = |word: &str, count: usize| format!("{{ a(b: [{}]) }}", word.repeat(count));
        for word in ["a ", "$a ", "1,", "-1.5 ", "\"a b c\" ", "true "] {
            let at_most = WORDS_MAX / 2 - 2;
            let counted = count_words(&many(word, at_most)).expect("few enough");
            assert!(counted >= at_most, "{word}: {counted}");
            assert!(count_words(&many(word, WORDS_MAX)).is_err(), "{word}");
        }
        let comments = "# a comment of many words\n".repeat(WORDS_MAX);
        assert_eq!(count_words(&comments), Ok(0));
        let text = format!("{{ a(b: \"{}\") }}", "x".repeat(100_000));
        assert_eq!(count_words(&text), Ok(3), "texts have limits of their own");
    }

    #[test]
    fn long_names_are_refused_and_not_repeated() {
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        let refused = count_words(&format!("query {name} {{ a }}")).expect_err("too long");
        assert!(!refused.contains("nn"), "{refused}");
        assert_eq!(count_words(&format!("{{ {} }}", &name[1..])), Ok(1));
    }
}
