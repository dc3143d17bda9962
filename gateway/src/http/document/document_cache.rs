//! A cache of parsed documents for each thread: clients send the same few documents repeatedly,
//! with other variables.

use std::cell::RefCell;

use async_graphql::parser::types::ExecutableDocument;
use hashlink::LruCache;

use super::parse::{DocumentError, parse};

/// Documents that a thread caches: more than the clients of one shop have.
const DOCUMENTS_MAX: usize = 128;
/// Bytes of a cached text.
const TEXT_BYTES_MAX: usize = 4_096;
/// Tokens of a cached document. A parsed token takes some 250 bytes: 8 MB a thread in the worst
/// case.
const TOKENS_MAX: usize = 256;

thread_local! {
    /// One for each thread, so no lock. `None` is a text seen once: clients that write values into
    /// their documents never send the same one again.
    static CACHE: RefCell<LruCache<Box<str>, Option<ExecutableDocument>>> =
        RefCell::new(LruCache::new(DOCUMENTS_MAX));
}

/// The parsed document, from the cache where the same text was parsed before.
///
/// # Errors
/// [`DocumentError`]: failures are not cached.
pub(crate) fn cached_document(text: &str) -> Result<ExecutableDocument, DocumentError> {
    if text.len() > TEXT_BYTES_MAX {
        return parse(text).map(|(document, _)| document);
    }
    CACHE.with_borrow_mut(|cache| match cache.get_mut(text) {
        Some(Some(document)) => Ok(document.clone()),
        Some(seen_once) => {
            let (document, tokens) = parse(text)?;
            if tokens <= TOKENS_MAX {
                *seen_once = Some(document.clone());
            }
            Ok(document)
        }
        None => {
            let (document, _) = parse(text)?;
            cache.insert(text.into(), None);
            Ok(document)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cached(text: &str) -> Option<bool> {
        CACHE.with_borrow_mut(|cache| cache.get(text).map(|known| known.is_some()))
    }

    #[test]
    fn a_document_that_comes_again_is_cached_and_the_same() {
        let text = "query A($id: String) { accounts(id: $id) { id name } }";
        let first = format!("{:?}", cached_document(text).expect("valid"));
        assert_eq!(is_cached(text), Some(false), "seen once");
        for _ in 0..3 {
            assert_eq!(
                format!("{:?}", cached_document(text).expect("valid")),
                first
            );
            assert_eq!(is_cached(text), Some(true));
        }
        let other = text.replace("name", "name ");
        assert_eq!(is_cached(&other), None, "keyed by the exact text");
    }

    #[test]
    fn refused_document_is_not_cached() {
        for text in ["{ a", "{ a(b: { c: 1, c: 2 }) }", "{ a: b a: c }"] {
            for _ in 0..3 {
                assert!(cached_document(text).is_err(), "{text}");
            }
            assert_eq!(is_cached(text), None, "{text}");
        }
    }

    #[test]
    fn cache_holds_few_and_short_documents() {
        let named = |number: usize| format!("query Q{number} {{ accounts {{ id }} }}");
        for number in 0..2 * DOCUMENTS_MAX {
            cached_document(&named(number)).expect("valid");
        }
        assert_eq!(is_cached(&named(0)), None);
        assert_eq!(CACHE.with_borrow(LruCache::len), DOCUMENTS_MAX);
        let long = format!("{{ accounts {{ id }} }} # {}", "x".repeat(TEXT_BYTES_MAX));
        cached_document(&long).expect("valid");
        assert_eq!(is_cached(&long), None);
        let many = format!("{{ accounts {{ {} }} }}", "id ".repeat(TOKENS_MAX));
        for _ in 0..3 {
            cached_document(&many).expect("valid");
        }
        assert_eq!(is_cached(&many), Some(false));
    }
}
