//! Reading documents: limits, the parser, and the rules that the GraphQL library does not check. Clients send the same
//! few documents again and again, with other variables: those are read once by each thread.

use std::cell::RefCell;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use hashlink::LruCache;

use super::document_limits::{excess, is_flat};
use super::lexical_limits::count_words;
use super::overlapping_fields_can_be_merged::conflicting_fields;
use super::unique_input_field_names::repeated_field;

/// Documents that a thread remembers: more than the clients of one shop have.
const REMEMBERED_MAX: usize = 128;
/// Bytes of a text that is remembered.
const TEXT_BYTES_MAX: usize = 4_096;
/// Words of one that is remembered. What was read of a word takes some 250 bytes: 8 MB a thread at the very most.
const REMEMBERED_WORDS_MAX: usize = 256;

/// Why a document is not executed.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is beyond a limit.
    TooComplex(String),
    /// It is not GraphQL.
    Unparsable(async_graphql::parser::Error),
    /// It breaks a rule of GraphQL.
    Invalid(ServerError),
}

thread_local! {
    /// No lock, for each thread has its own. One that was met once is only noted: clients that write values into their
    /// documents never send the same again.
    static REMEMBERED: RefCell<LruCache<Box<str>, Option<ExecutableDocument>>> =
        RefCell::new(LruCache::new(REMEMBERED_MAX));
}

/// Reads a document, or remembers what was read of the same text.
pub(super) fn read(text: &str) -> Result<ExecutableDocument, Unread> {
    if text.len() > TEXT_BYTES_MAX {
        return read_anew(text).map(|(document, _)| document);
    }
    REMEMBERED.with_borrow_mut(|remembered| match remembered.get_mut(text) {
        Some(Some(document)) => Ok(document.clone()),
        Some(noted) => {
            let (document, words) = read_anew(text)?;
            if words <= REMEMBERED_WORDS_MAX {
                *noted = Some(document.clone());
            }
            Ok(document)
        }
        None => {
            let (document, _) = read_anew(text)?;
            remembered.insert(text.into(), None);
            Ok(document)
        }
    })
}

/// The document, and how many words it has.
fn read_anew(text: &str) -> Result<(ExecutableDocument, usize), Unread> {
    if !is_flat(text) {
        let why = "the document is nested too deeply";
        return Err(Unread::TooComplex(why.to_owned()));
    }
    let words = count_words(text).map_err(Unread::TooComplex)?;
    let document = parse_query(text).map_err(Unread::Unparsable)?;
    if let Some(repeated) = repeated_field(text) {
        return Err(Unread::Invalid(repeated));
    }
    if let Some(excess) = excess(&document) {
        return Err(Unread::TooComplex(excess));
    }
    match conflicting_fields(&document) {
        Some(conflict) => Err(Unread::Invalid(conflict)),
        None => Ok((document, words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_remembered(text: &str) -> Option<bool> {
        REMEMBERED.with_borrow_mut(|remembered| remembered.get(text).map(|known| known.is_some()))
    }

    #[test]
    fn a_document_that_comes_again_is_remembered_and_the_same() {
        let text = "query A($id: String) { accounts(id: $id) { id name } }";
        let first = format!("{:?}", read(text).expect("sound"));
        assert_eq!(is_remembered(text), Some(false), "met once");
        for _ in 0..3 {
            assert_eq!(format!("{:?}", read(text).expect("sound")), first);
            assert_eq!(is_remembered(text), Some(true));
        }
        let other = text.replace("name", "name ");
        assert_eq!(is_remembered(&other), None, "by its very text");
    }

    #[test]
    fn what_is_refused_is_refused_again_and_not_remembered() {
        for text in ["{ a", "{ a(b: { c: 1, c: 2 }) }", "{ a: b a: c }"] {
            for _ in 0..3 {
                assert!(read(text).is_err(), "{text}");
            }
            assert_eq!(is_remembered(text), None, "{text}");
        }
    }

    #[test]
    fn few_and_short_ones_are_remembered() {
        let named = |number: usize| format!("query Q{number} {{ accounts {{ id }} }}");
        for number in 0..2 * REMEMBERED_MAX {
            read(&named(number)).expect("sound");
        }
        assert_eq!(is_remembered(&named(0)), None);
        assert_eq!(REMEMBERED.with_borrow(LruCache::len), REMEMBERED_MAX);
        let long = format!("{{ accounts {{ id }} }} # {}", "x".repeat(TEXT_BYTES_MAX));
        read(&long).expect("sound");
        assert_eq!(is_remembered(&long), None);
        let many = format!(
            "{{ accounts {{ {} }} }}",
            "id ".repeat(REMEMBERED_WORDS_MAX)
        );
        for _ in 0..3 {
            read(&many).expect("sound");
        }
        assert_eq!(is_remembered(&many), Some(false));
    }
}
