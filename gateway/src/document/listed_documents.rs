//! The documents that the operator lists: parsed and validated at the start, and kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_graphql::ServerError;

use super::document_error::DocumentError;
use super::documents::Documents;
use super::manifest::{DocumentManifest, ManifestError};
use super::valid_document::Document;

/// Documents of a manifest, by id and by text.
#[derive(Debug)]
pub struct ListedDocuments {
    by_id: HashMap<String, Arc<Document>>,
    by_text: HashMap<String, Arc<Document>>,
}

impl ListedDocuments {
    /// Parses and validates all documents of a manifest.
    ///
    /// # Errors
    /// [`ManifestError`], for repeated ids and for the first document that is invalid.
    ///
    /// # Panics
    /// If `sdl` is not the SDL of a valid schema.
    pub fn new(manifest: DocumentManifest, sdl: &str) -> Result<Self, ManifestError> {
        let documents = Documents::new(sdl);
        let mut by_id = HashMap::new();
        let mut by_text = HashMap::new();
        for entry in manifest.entries {
            let document = match by_text.get(&entry.text) {
                Some(known) => Arc::clone(known),
                None => match documents.document(&entry.text) {
                    Ok(document) => document,
                    Err(error) => {
                        let (id, message) = (entry.id, in_words(&error));
                        return Err(ManifestError::Invalid { id, message });
                    }
                },
            };
            by_text.insert(entry.text, document.clone());
            match by_id.entry(entry.id) {
                Entry::Vacant(free) => {
                    free.insert(document);
                }
                Entry::Occupied(taken) if Arc::ptr_eq(taken.get(), &document) => {}
                Entry::Occupied(taken) => return Err(ManifestError::Repeated(taken.key().clone())),
            }
        }
        Ok(Self { by_id, by_text })
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Document>> {
        self.by_id.get(id)
    }

    pub(crate) fn by_text(&self, text: &str) -> Option<&Arc<Document>> {
        self.by_text.get(text)
    }

    /// The number of ids.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }
}

/// The first error of a document, with its place.
fn in_words(error: &DocumentError) -> String {
    let place = |error: &ServerError| match error.locations.first() {
        Some(at) => format!("{} (line {}, column {})", error.message, at.line, at.column),
        None => error.message.clone(),
    };
    match error {
        DocumentError::TooComplex(message) => message.clone(),
        DocumentError::Syntax(error) => place(error),
        DocumentError::Invalid(errors) => errors.first().map(place).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::schema_text;

    fn list(json: &serde_json::Value) -> Result<ListedDocuments, ManifestError> {
        let manifest = DocumentManifest::parse(&json.to_string()).expect("a manifest");
        ListedDocuments::new(manifest, &schema_text())
    }

    #[test]
    fn listed_documents_are_found_by_id_and_by_text() {
        let text = "query A { accounts { id } }";
        let json = serde_json::json!({ "one": text, "two": text, "three": "{ products { id } }" });
        let listed = list(&json).expect("valid");
        assert_eq!(listed.count(), 3);
        for id in ["one", "two"] {
            let found = listed.by_id(id).expect("listed");
            assert!(Arc::ptr_eq(
                found,
                listed.by_text(text).expect("the same document")
            ));
        }
        assert!(listed.by_id("four").is_none());
        assert!(listed.by_text("query A { accounts { id} }").is_none());
    }

    #[test]
    fn invalid_listed_document_is_named_with_its_place() {
        let text = "query A {\n  accounts { nope }\n}";
        let error = list(&serde_json::json!({ "good": "{ accounts { id } }", "bad": text }));
        let message = error.expect_err("refused").to_string();
        for part in [r#""bad""#, "nope", "line 2"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn two_documents_of_one_id_are_refused() {
        let operation = |body: &str| serde_json::json!({ "id": "a", "body": body });
        let manifest = |operations: [serde_json::Value; 2]| {
            list(&serde_json::json!({
                "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations,
            }))
        };
        let (first, second) = ("{ accounts { id } }", "{ products { id } }");
        let error = manifest([operation(first), operation(second)]).expect_err("refused");
        assert_eq!(error, ManifestError::Repeated("a".into()));
        assert!(manifest([operation(first), operation(first)]).is_ok());
    }
}
