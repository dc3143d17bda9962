//! Limits on the text of a document, checked before it is parsed: a small text can be nested deeper
//! than the parser's stack, and validation creates an error for every wrong token and repeats names
//! in it.

use super::lexer::{skip_block_string, skip_comment, skip_string, skip_string_or_comment};

/// Brackets within brackets. The deepest documents in practice (introspection) have some 15.
pub(super) const NESTING_MAX: usize = 64;
/// Names, numbers and strings of a document. The largest in practice (introspection, an order with
/// a hundred lines) have some hundreds. While validation errors are collected, one for each takes
/// up to 6 KB.
pub(super) const TOKENS_MAX: usize = 12_000;
/// Bytes of a name. Those of this schema have some 20, generated ones up to 100.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// Whether the brackets of a document are nested no deeper than [`NESTING_MAX`]. Brackets in
/// strings and comments do not count: an opening one would reject a legal description, a closing
/// one would hide depth.
pub(super) fn is_shallow(document: &str) -> bool {
    let mut depth = 0_usize;
    let mut rest = document.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match first {
            b'#' => skip_comment(after),
            b'"' if after.starts_with(b"\"\"") => match skip_block_string(&after[2..]) {
                Some(after) => after,
                // The parser reads it as two short strings and continues, so every bracket may
                // count.
                None => return depth + openings(after) <= NESTING_MAX,
            },
            b'"' => skip_string(after),
            _ => after,
        };
        match first {
            b'[' | b'{' | b'(' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return false;
                }
            }
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

fn openings(text: &[u8]) -> usize {
    let opens = |byte: &&u8| matches!(byte, b'[' | b'{' | b'(');
    text.iter().filter(opens).count()
}

/// The number of names, numbers and strings in a document.
///
/// # Errors
/// A message for the client when there are too many, or one is too long.
pub(super) fn count_tokens(document: &str) -> Result<usize, String> {
    let mut tokens = 0_usize;
    let mut rest = document.as_bytes();
    while let Some(first) = rest.first() {
        if let Some(after) = skip_string_or_comment(rest) {
            tokens += usize::from(*first == b'"');
            rest = after;
        } else if is_token_byte(*first) {
            let len = rest.iter().take_while(|byte| is_token_byte(**byte)).count();
            if len > NAME_BYTES_MAX {
                return Err(format!(
                    "a name or number in the document has more than {NAME_BYTES_MAX} bytes"
                ));
            }
            tokens += 1;
            rest = &rest[len..];
        } else {
            rest = &rest[1..];
        }
        if tokens > TOKENS_MAX {
            return Err(format!(
                "the document has more than {TOKENS_MAX} names, numbers and strings: give values as variables"
            ));
        }
    }
    Ok(tokens)
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn nesting_is_bounded_before_parsing() {
        assert!(is_shallow("{ accounts { orders { products { name } } } }"));
        for depth in [65, 2_000, 100_000] {
            let text = format!(
                "{{accounts(id:{}{}){{id}}}}",
                "[".repeat(depth),
                "]".repeat(depth)
            );
            assert!(!is_shallow(&text), "{depth}");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        for hidden in [
            "[#]\n",
            "[\"]\" ",
            "[\"\\\"]\" ",
            "[\"\"\"]\"\"\" ",
            "[\"\"\"\\\"\"\"]\"\"\" ",
            "[\"\" ",
            "[#\"\n",
            "[#]\r",
        ] {
            let text = format!(
                "{{accounts(id:{}{}){{id}}}}",
                hidden.repeat(2_000),
                "]".repeat(2_000)
            );
            assert!(!is_shallow(&text), "{hidden:?}");
        }
        let after_unterminated_block = format!("{{a(b:[\"\"\"x\" {}", "[".repeat(2_000));
        assert!(!is_shallow(&after_unterminated_block));
        assert!(
            is_shallow("{ a(b: \"\"\"x) { c } }"),
            "the parser reports it better"
        );
        for text in [":( ".repeat(500), "[{(".repeat(500)] {
            for (open, close) in [
                ("\"", "\""),
                ("\"\"\"", "\"\"\""),
                ("\"\\\"", "\""),
                ("#", "\n1"),
            ] {
                let text = format!("{{ a(b: {open}{text}{close}) {{ c }} }}");
                assert!(is_shallow(&text), "{open}");
                assert!(parse_query(&text).is_ok(), "{open}");
            }
        }
    }

    #[test]
    fn tokens_of_every_kind_are_counted_strings_once() {
        let many = |token: &str, count: usize| format!("{{ a(b: [{}]) }}", token.repeat(count));
        for token in ["a ", "$a ", "1,", "-1.5 ", "\"a b c\" ", "true "] {
            let at_most = TOKENS_MAX / 2 - 2;
            let counted = count_tokens(&many(token, at_most)).expect("few enough");
            assert!(counted >= at_most, "{token}: {counted}");
            assert!(count_tokens(&many(token, TOKENS_MAX)).is_err(), "{token}");
        }
        let comments = "# a comment of many words\n".repeat(TOKENS_MAX);
        assert_eq!(count_tokens(&comments), Ok(0));
        let text = format!("{{ a(b: \"{}\") }}", "x".repeat(100_000));
        assert_eq!(
            count_tokens(&text),
            Ok(3),
            "strings have limits of their own"
        );
    }

    #[test]
    fn long_name_is_refused_without_repeating_it() {
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        let message = count_tokens(&format!("query {name} {{ a }}")).expect_err("too long");
        assert!(!message.contains("nn"), "{message}");
        assert_eq!(count_tokens(&format!("{{ {} }}", &name[1..])), Ok(1));
    }
}
