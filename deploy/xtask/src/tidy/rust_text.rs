//! Splits Rust text into code, comments and literals, which is as much of the language as the rules need.
//!
//! Rules look for words; a word means one thing in code, another in a string, and nothing in a comment. Every piece is
//! a slice of the text, in order and without a gap, so blanking pieces keeps every line where it was.

/// What a piece of Rust text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    /// `//` to the end of the line, or `/* */` with whatever is nested in it; doc comments too.
    Comment,
    /// A string, byte string, raw string or character, with its quotes.
    Literal,
}

/// One piece of a Rust text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: Kind,
    /// The line the piece starts on, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// The pieces of a Rust text, in order; together they are the text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut line = 1;
    let mut push = |kind, text: &'_ str| {
        if !text.is_empty() {
            pieces.push((kind, line, text.len()));
            line += text.matches('\n').count();
        }
    };
    let (mut code_from, mut at) = (0, 0);
    while at < text.len() {
        match piece_at(text, at) {
            Some((kind, length)) => {
                push(Kind::Code, &text[code_from..at]);
                push(kind, &text[at..at + length]);
                at += length;
                code_from = at;
            }
            None => at += code_length(text, at),
        }
    }
    push(Kind::Code, &text[code_from..]);
    let mut from = 0;
    pieces
        .into_iter()
        .map(|(kind, line, length)| {
            from += length;
            Piece {
                kind,
                line,
                text: &text[from - length..from],
            }
        })
        .collect()
}

/// The text with every piece of the given kinds turned to spaces, line for line.
pub(crate) fn without(text: &str, kinds: &[Kind]) -> String {
    let blank = |piece: &str| -> String {
        piece
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect()
    };
    pieces(text)
        .iter()
        .map(|piece| match kinds.contains(&piece.kind) {
            true => blank(piece.text),
            false => piece.text.to_owned(),
        })
        .collect()
}

/// The comment or literal that begins exactly here, with its length in bytes.
fn piece_at(text: &str, at: usize) -> Option<(Kind, usize)> {
    let rest = &text[at..];
    if rest.starts_with("//") {
        let length = rest.find('\n').unwrap_or(rest.len());
        return Some((Kind::Comment, length));
    }
    if rest.starts_with("/*") {
        return Some((Kind::Comment, block_comment_length(rest)));
    }
    let literal = match rest.as_bytes()[0] {
        b'"' => Some(quoted_length(rest, '"')),
        b'\'' => character_length(rest),
        b'r' => raw_string_length(rest),
        _ => None,
    };
    literal.map(|length| (Kind::Literal, length))
}

/// How much code to step over: one character, or a whole word, so that no `r` inside a name looks like a raw string.
/// The prefixes of byte and C strings are stepped over alone: `br"…"` is `b`, then a raw string.
fn code_length(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let after = rest[word..].chars().next();
    match (rest.as_bytes()[0], word) {
        (b'b' | b'c', 2) if rest.as_bytes()[1] == b'r' && matches!(after, Some('"' | '#')) => 1,
        (_, 0) => rest.chars().next().map_or(1, char::len_utf8),
        (_, word) => word,
    }
}

/// Whether the character can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the line holds the word as itself, not as a part of a longer one. An end that is no letter is open: `rand::`
/// is followed by anything.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let ends_in_a_letter = word.ends_with(is_word);
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let longer = before.ends_with(is_word) || ends_in_a_letter && after.starts_with(is_word);
        !longer
    })
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        let step = match () {
            () if here.starts_with(b"/*") => {
                depth += 1;
                2
            }
            () if here.starts_with(b"*/") => {
                depth -= 1;
                2
            }
            () => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of what is quoted, with both quotes; a backslash takes the next character with it.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return at + character.len_utf8();
        }
        if character == '\\' {
            characters.next();
        }
    }
    rest.len()
}

/// The length of a character literal, or `None` for the quote of a lifetime or a label.
fn character_length(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    let (first, second) = (characters.next()?, characters.next()?);
    (first == '\\' || second == '\'').then(|| quoted_length(rest, '\''))
}

/// The length of `r"…"` or `r#"…"#`, or `None` for a raw identifier.
fn raw_string_length(rest: &str) -> Option<usize> {
    let hashes = rest[1..].find(|c| c != '#')?;
    let opened = 1 + hashes;
    if !rest[opened..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = &rest[opened + 1..];
    Some(
        body.find(&end)
            .map_or(rest.len(), |length| opened + 1 + length + end.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        pieces(text)
            .iter()
            .map(|piece| (piece.kind, piece.text))
            .collect()
    }

    #[test]
    fn comments_and_strings_hide_each_other() {
        use Kind::{Code, Comment, Literal};
        assert_eq!(
            kinds("a(\"// no\"); // \"no\"\nb"),
            [
                (Code, "a("),
                (Literal, "\"// no\""),
                (Code, "); "),
                (Comment, "// \"no\""),
                (Code, "\nb")
            ]
        );
        assert_eq!(
            kinds("/* a /* b */ c */d"),
            [(Comment, "/* a /* b */ c */"), (Code, "d")]
        );
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        use Kind::{Code, Literal};
        assert_eq!(
            kinds("x = r#\"a \"b\" \\\"#;"),
            [(Code, "x = "), (Literal, "r#\"a \"b\" \\\"#"), (Code, ";")]
        );
        assert_eq!(
            kinds("br\"//\" c\"//\""),
            [
                (Code, "b"),
                (Literal, "r\"//\""),
                (Code, " c"),
                (Literal, "\"//\"")
            ]
        );
        assert_eq!(kinds("r#type = for_r"), [(Code, "r#type = for_r")]);
    }

    #[test]
    fn lifetimes_are_not_characters() {
        use Kind::{Code, Literal};
        assert_eq!(
            kinds("fn f<'a>(x: &'a str)"),
            [(Code, "fn f<'a>(x: &'a str)")]
        );
        assert_eq!(
            kinds("['\"', '\\'', 'ü']"),
            [
                (Code, "["),
                (Literal, "'\"'"),
                (Code, ", "),
                (Literal, "'\\''"),
                (Code, ", "),
                (Literal, "'ü'"),
                (Code, "]")
            ]
        );
    }

    #[test]
    fn blanking_keeps_the_lines() {
        let text = "a /* b\nc */ \"d\ne\" f // g\n";
        assert_eq!(
            without(text, &[Kind::Comment]),
            "a     \n     \"d\ne\" f     \n"
        );
        assert_eq!(
            without(text, &[Kind::Comment, Kind::Literal])
                .lines()
                .count(),
            text.lines().count()
        );
        assert_eq!(pieces(text)[3].line, 2);
    }

    #[test]
    fn nothing_unfinished_makes_it_stumble() {
        for text in ["\"", "r#\"", "/*", "'", "'\\", "r", "b", "br", "é'", "//"] {
            assert_eq!(
                pieces(text)
                    .iter()
                    .map(|piece| piece.text)
                    .collect::<String>(),
                text
            );
        }
    }
}
