//! Skips strings and comments of a document, the way the GraphQL parser delimits them.

/// The text after the string or comment that starts here; `None` where neither does. The document
/// parses.
pub(super) fn skip_string_or_comment(document: &[u8]) -> Option<&[u8]> {
    match document {
        [b'#', rest @ ..] => Some(skip_comment(rest)),
        [b'"', b'"', b'"', rest @ ..] => Some(skip_block_string(rest).unwrap_or(&[])),
        [b'"', rest @ ..] => Some(skip_string(rest)),
        _ => None,
    }
}

/// The line break or the end of the text after a `#`.
pub(super) fn skip_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    &text[end.unwrap_or(text.len())..]
}

/// The text after a quoted string, which ends with its line at the latest.
pub(super) fn skip_string(text: &[u8]) -> &[u8] {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => return &text[at..],
            b'"' if !escaped => return &text[at + 1..],
            _ => escaped = *byte == b'\\' && !escaped,
        }
    }
    &[]
}

/// The text after a block string, in which only `"""` can be escaped; `None` when it is not
/// terminated.
pub(super) fn skip_block_string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        rest = if rest.starts_with(b"\\\"\"\"") {
            &rest[4..]
        } else if rest.starts_with(b"\"\"\"") {
            return Some(&rest[3..]);
        } else {
            rest.get(1..)?
        };
    }
}
