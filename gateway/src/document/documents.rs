//! The front for documents: parses and validates each text once, and keeps those that clients send
//! repeatedly, with other variables.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ServerError, Variables};
use hashlink::LruCache;
use thread_local::ThreadLocal;

use super::document_error::{DocumentError, MergeError};
use super::parse::parse;
use super::schema::ValidationSchema;
use super::valid_document::{Document, Operation};

/// Documents that a thread keeps: more than the clients of one shop have.
const DOCUMENTS_MAX: usize = 128;
/// Bytes of a text that is kept.
const TEXT_BYTES_MAX: usize = 4_096;
/// The weight of a document that is kept, in tokens.
const WEIGHT_MAX: usize = 2_048;
/// The weight of all documents that a thread keeps. A parsed token takes some 250 bytes: 8 MB.
const WEIGHTS_MAX: usize = 32_768;

/// The documents of a schema.
pub struct Documents {
    schema: ValidationSchema,
    /// One for each thread, so no lock.
    kept: ThreadLocal<RefCell<Kept>>,
}

/// The documents that a thread keeps, by text. `None` is a text seen once: clients that write
/// values into their documents never send the same one again.
struct Kept {
    documents: LruCache<Box<str>, Option<Arc<Document>>>,
    weight: usize,
}

impl Documents {
    /// The documents of the schema with this SDL.
    ///
    /// # Panics
    /// If it is not the SDL of a valid schema.
    #[must_use]
    pub fn new(sdl: &str) -> Self {
        Self {
            schema: ValidationSchema::read(sdl),
            kept: ThreadLocal::new(),
        }
    }

    /// The parsed and validated document.
    ///
    /// # Errors
    /// [`DocumentError`]: failures are not kept.
    pub(crate) fn document(&self, text: &str) -> Result<Arc<Document>, DocumentError> {
        if text.len() > TEXT_BYTES_MAX {
            return parse(self.schema, text).map(Arc::new);
        }
        let mut kept = self.kept.get_or(RefCell::default).borrow_mut();
        if let Some(Some(document)) = kept.documents.get(text) {
            return Ok(document.clone());
        }
        let document = Arc::new(parse(self.schema, text)?);
        kept.note(text, &document);
        Ok(document)
    }

    /// Inserts the defaults of an operation's variables, and checks their values.
    ///
    /// # Errors
    /// One for each variable that is missing or has the wrong type.
    pub(crate) fn coerce(
        &self,
        operation: &Operation,
        variables: &mut Variables,
    ) -> Result<(), Vec<ServerError>> {
        self.schema.inputs.coerce(operation.definition(), variables)
    }

    /// The operation as a document of its own, in which each field of the response is selected
    /// once, without fragments and directives. Its variables have been coerced.
    ///
    /// # Errors
    /// [`MergeError`] when it is too large, or a condition is null.
    pub(crate) fn merged(
        &self,
        document: &Document,
        operation: &Operation,
        variables: &Variables,
    ) -> Result<Arc<ExecutableDocument>, MergeError> {
        document.merged(self.schema, operation, variables)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            documents: LruCache::new_unbounded(),
            weight: 0,
        }
    }
}

impl Kept {
    /// Keeps a document at its second time.
    fn note(&mut self, text: &str, document: &Arc<Document>) {
        match self.documents.get_mut(text) {
            None => {
                self.documents.insert(text.into(), None);
            }
            Some(seen_once) => {
                let weight = document.weight();
                if weight <= WEIGHT_MAX {
                    *seen_once = Some(document.clone());
                    self.weight += weight;
                }
            }
        }
        while self.documents.len() > DOCUMENTS_MAX || self.weight > WEIGHTS_MAX {
            let Some((_, removed)) = self.documents.remove_lru() else {
                return;
            };
            self.weight -= removed.map_or(0, |document| document.weight());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::schema_text;

    fn documents() -> Documents {
        Documents::new(&schema_text())
    }

    /// `None` for an unknown text, `false` for one that was seen once.
    fn is_kept(documents: &Documents, text: &str) -> Option<bool> {
        let mut kept = documents.kept.get_or(RefCell::default).borrow_mut();
        kept.documents.get(text).map(Option::is_some)
    }

    #[test]
    fn document_that_comes_again_is_kept() {
        let documents = documents();
        let text = "query A($id: String) { accounts(id: $id) { id name } }";
        let first = documents.document(text).expect("valid");
        assert_eq!(is_kept(&documents, text), Some(false), "seen once");
        let second = documents.document(text).expect("valid");
        assert_eq!(is_kept(&documents, text), Some(true));
        assert!(!Arc::ptr_eq(&first, &second));
        let third = documents.document(text).expect("valid");
        assert!(Arc::ptr_eq(&second, &third));
        let other = text.replace("name", "name ");
        assert_eq!(is_kept(&documents, &other), None, "by the exact text");
    }

    #[test]
    fn refused_document_is_not_kept() {
        let documents = documents();
        for text in [
            "{ a",
            "{ accounts }",
            "{ a: accounts { id } a: products { id } }",
        ] {
            for _ in 0..3 {
                assert!(documents.document(text).is_err(), "{text}");
            }
            assert_eq!(is_kept(&documents, text), None, "{text}");
        }
    }

    #[test]
    fn few_and_light_documents_are_kept() {
        let documents = documents();
        let named = |number: usize| format!("query Q{number} {{ accounts {{ id }} }}");
        for number in 0..2 * DOCUMENTS_MAX {
            for _ in 0..2 {
                documents.document(&named(number)).expect("valid");
            }
        }
        assert_eq!(is_kept(&documents, &named(0)), None);
        assert_eq!(is_kept(&documents, &named(DOCUMENTS_MAX)), Some(true));
        let long = format!("{{ accounts {{ id }} }} # {}", "x".repeat(TEXT_BYTES_MAX));
        // Eight merged forms of 500 fields each weigh more than one document may.
        let heavy = format!(
            "query($a: Boolean! $b: Boolean! $c: Boolean!) {{
                accounts @include(if: $a) {{ {} b: id @skip(if: $b) c: id @skip(if: $c) }} }}",
            "id ".repeat(500)
        );
        for text in [&long, &heavy] {
            for _ in 0..3 {
                documents.document(text).expect("valid");
            }
            assert_ne!(is_kept(&documents, text), Some(true));
        }
        let weighing =
            |number: usize| format!("query Q{number} {{ accounts {{ {} }} }}", "id ".repeat(600));
        for number in 0..DOCUMENTS_MAX {
            for _ in 0..2 {
                documents.document(&weighing(number)).expect("valid");
            }
        }
        let kept = documents.kept.get_or(RefCell::default).borrow();
        assert!((1..=WEIGHTS_MAX).contains(&kept.weight), "{}", kept.weight);
    }
}
