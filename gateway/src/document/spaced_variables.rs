//! A variable may have spaces, commas and comments behind its `$`. The validator's parser wants
//! none.

use std::borrow::Cow;

use super::lexer::{skip_comment, skip_string_or_comment};

/// The document with each `$` moved to its name, behind what GraphQL ignores between them. Every
/// other byte keeps its place, so positions stay right.
pub(super) fn join_spaced_variables(document: &str) -> Cow<'_, str> {
    let mut moves = Vec::new();
    let mut rest = document.as_bytes();
    let offset = |rest: &[u8]| document.len() - rest.len();
    while let Some(first) = rest.first() {
        if let Some(after) = skip_string_or_comment(rest) {
            rest = after;
            continue;
        }
        let at = offset(rest);
        rest = &rest[1..];
        if *first == b'$' {
            let after = skip_ignored(rest);
            if after.len() < rest.len() {
                moves.push((at, offset(after)));
            }
            rest = after;
        }
    }
    if moves.is_empty() {
        return Cow::Borrowed(document);
    }
    let mut joined = String::with_capacity(document.len());
    let mut copied = 0;
    for (from, to) in moves {
        joined.push_str(&document[copied..from]);
        joined.push_str(&document[from + 1..to]);
        joined.push('$');
        copied = to;
    }
    joined.push_str(&document[copied..]);
    Cow::Owned(joined)
}

/// The text after spaces, commas, line breaks, byte order marks and comments.
fn skip_ignored(mut text: &[u8]) -> &[u8] {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    loop {
        text = match text {
            [b' ' | b',' | b'\t' | b'\n' | b'\r', after @ ..] => after,
            [b'#', after @ ..] => skip_comment(after),
            _ => match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(after) => after,
                None => return text,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollar_is_moved_to_its_name() {
        for (text, joined) in [
            ("query($ a: Int) { b }", "query( $a: Int) { b }"),
            (
                "{ f(a: $\n, # c $ d\n\u{feff}b) }",
                "{ f(a: \n, # c $ d\n\u{feff}$b) }",
            ),
            ("{ f(a: [$ b, $  c]) }", "{ f(a: [ $b,   $c]) }"),
            ("$", "$"),
            ("$ ", " $"),
        ] {
            assert_eq!(join_spaced_variables(text), joined);
            assert_eq!(joined.len(), text.len());
        }
    }

    #[test]
    fn text_without_a_space_behind_a_dollar_is_left_as_it_is() {
        for text in [
            "query($a: Int) { b }",
            "{ f(a: \"$ b\") } # $ c",
            "{ f(a: \"\"\"$ b\"\"\") }",
        ] {
            assert!(matches!(join_spaced_variables(text), Cow::Borrowed(same) if same == text));
        }
    }
}
