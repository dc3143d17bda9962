//! The rule "Input Object Field Uniqueness". The parser keeps only the last of repeated fields, so
//! they are searched for in the text.

use std::collections::HashSet;

use async_graphql::{Pos, ServerError};

use super::lexer::skip_string_or_comment;

/// The first field that an input object has twice. The document parses.
pub(super) fn repeated_field(document: &str) -> Option<ServerError> {
    let mut scopes = Vec::new();
    let mut rest = document.as_bytes();
    while let [first, after @ ..] = rest {
        if let Some(after) = skip_string_or_comment(rest) {
            rest = after;
            continue;
        }
        let at = document.len() - rest.len();
        rest = after;
        match first {
            b'(' => scopes.push(Scope::Arguments),
            b'[' => scopes.push(Scope::List),
            // Values occur only in parentheses, selections only outside them.
            b'{' if scopes.is_empty() => {}
            b'{' => scopes.push(Scope::Object(HashSet::new())),
            b')' | b']' | b'}' => drop(scopes.pop()),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let len = rest.iter().take_while(|byte| is_name_byte(**byte)).count();
                let name = &document[at..=at + len];
                rest = &rest[len..];
                if let Some(Scope::Object(fields)) = scopes.last_mut()
                    && is_before_colon(rest)
                    && !fields.insert(name)
                {
                    let message = format!("There can be only one input field named \"{name}\".");
                    return Some(ServerError::new(message, Some(position(document, at))));
                }
            }
            // Names of variables and directives are not fields.
            b'$' | b'@' => {
                let len = rest.iter().take_while(|byte| is_name_byte(**byte)).count();
                rest = &rest[len..];
            }
            _ => {}
        }
    }
    None
}

/// What an open bracket contains, from the first parenthesis inwards.
enum Scope<'d> {
    Arguments,
    List,
    Object(HashSet<&'d str>),
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a colon follows, after the characters that GraphQL ignores.
fn is_before_colon(mut text: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    loop {
        text = match text {
            [b' ' | b',' | b'\t' | b'\n' | b'\r', after @ ..] => after,
            [b'#', ..] => skip_string_or_comment(text).unwrap_or_default(),
            _ => match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(after) => after,
                None => return text.first() == Some(&b':'),
            },
        }
    }
}

fn position(document: &str, at: usize) -> Pos {
    let before = &document[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Pos {
        line: 1 + before.matches('\n').count(),
        column: 1 + before[line_start..].chars().count(),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn found(document: &str) -> Option<(String, usize, usize)> {
        assert!(parse_query(document).is_ok(), "{document}");
        let error = repeated_field(document)?;
        let location = error.locations[0];
        Some((error.message, location.line, location.column))
    }

    #[test]
    fn repeated_field_is_found_in_every_input_value() {
        for document in [
            "{ f(a: { x: 1, x: 2 }) }",
            "{ f(a: { x: 1 x: 1 }) }",
            "{ f(a: { b: [{ x: {} }, { y: RED x: 1 #:\n y # \n , : 2 }] }) }",
            "query($v: I = { x: \"}\", x: 1 }) { f(a: $v) }",
            "{ f @skip(if: { x: 1, x: 2 }) }",
            "{ f(a: { x: \"\"\" \\\"\"\" { \"\"\", x: 2 }) }",
            "{ f(a: { x: $x, y: { z: 1 }, x: 2 }) }",
        ] {
            let (message, ..) = found(document).unwrap_or_else(|| panic!("{document}"));
            assert!(message.contains("only one input field named"), "{message}");
        }
        let document = "{ f(\n e: 1 a: { xy: 1, xy: 2 }) }";
        let (message, line, column) = found(document).expect("found");
        assert!(message.ends_with("named \"xy\"."), "{message}");
        assert_eq!((line, column), (2, 19));
    }

    #[test]
    fn equal_names_outside_one_input_object_are_allowed() {
        for document in [
            "{ x: a x: a f(a: { x: { x: 1 }, y: [{ x: 1 }, { x: 1 }] }) }",
            "{ f(a: { a: x, b: x c: x }) }",
            "{ f(a: { x: \"x: 1, x: 2\" y: 1 # x: 2\n }) }",
            "query($x: I, $y: I) { f(a: { x: $x, y: $x }) { x: y(x: 1) { x: z } } }",
            "fragment F on T { x: a } { ...F x: b }",
        ] {
            assert_eq!(found(document), None, "{document}");
        }
    }
}
