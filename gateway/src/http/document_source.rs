//! Which document a request names: by its text, by its hash, or by the id of a listed one.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::ServerError;
use sha2::{Digest as _, Sha256};

use super::any_schema::AnySchema;
use super::parameters::Parameters;
use super::rejection::HttpRejection;
use crate::document::{
    Document, DocumentError, Documents, ListedDocuments, PersistedTexts, TextHash,
};
use crate::graphql::Stage;

/// The extension of automatic persisted queries, as Apollo's clients send it.
const EXTENSION: &str = "persistedQuery";
/// The only version of it.
const VERSION: u64 = 1;

/// Where documents are found.
pub(super) struct DocumentSource {
    documents: Arc<Documents>,
    listed: Option<Arc<ListedDocuments>>,
    only_listed: bool,
    persisted: PersistedTexts,
}

/// Why a request names no document that is executed.
pub(super) enum NoDocument {
    /// The request itself is refused.
    Rejected(HttpRejection),
    /// The document is refused, with these errors.
    Invalid(Vec<ServerError>, Stage),
}

impl From<HttpRejection> for NoDocument {
    fn from(rejection: HttpRejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<DocumentError> for NoDocument {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::TooComplex(message) => HttpRejection::too_complex(message).into(),
            DocumentError::Syntax(error) => Self::Invalid(vec![error], Stage::Parsing),
            DocumentError::Invalid(errors) => Self::Invalid(errors, Stage::Validating),
        }
    }
}

impl DocumentSource {
    /// With `only_listed`, no other documents than those listed.
    pub(super) fn new(schema: &AnySchema, only_listed: bool) -> Self {
        Self {
            documents: schema.documents.clone(),
            listed: schema.listed.clone(),
            only_listed,
            persisted: PersistedTexts::default(),
        }
    }

    /// The document that a request names, parsed and validated. A text with its hash is registered,
    /// so that the hash alone names it from then on.
    pub(super) fn select(&self, parameters: &Parameters) -> Result<Arc<Document>, NoDocument> {
        let hash = persisted_query(parameters.extensions.as_ref())?;
        let id = hash.or(parameters.document_id.as_deref());
        // Some clients send an empty text with a hash.
        let is_text = |text: &&str| id.is_none() || !text.is_empty();
        match (parameters.query.as_deref().filter(is_text), id) {
            (None, None) => Err(HttpRejection::bad_request(
                "the request has no document: send it as the member or parameter query",
            )
            .into()),
            (None, Some(id)) => self.by_id(id),
            (Some(text), _) => self.by_text(text, hash),
        }
    }

    fn by_id(&self, id: &str) -> Result<Arc<Document>, NoDocument> {
        if let Some(document) = self.listed.as_ref().and_then(|listed| listed.by_id(id)) {
            return Ok(document.clone());
        }
        if self.only_listed {
            return Err(HttpRejection::document_not_allowed().into());
        }
        let text = decode(id).and_then(|hash| self.persisted.get(&hash));
        let text = text.ok_or_else(HttpRejection::persisted_query_not_found)?;
        Ok(self.documents.document(&text)?)
    }

    fn by_text(&self, text: &str, hash: Option<&str>) -> Result<Arc<Document>, NoDocument> {
        let listed = self.listed.as_ref().and_then(|listed| {
            let document = listed.by_text(text)?;
            // Ids of listed documents need not be hashes.
            let same = |hash| {
                listed
                    .by_id(hash)
                    .is_some_and(|by_id| Arc::ptr_eq(by_id, document))
            };
            hash.is_none_or(same).then_some(document)
        });
        if let Some(document) = listed {
            return Ok(document.clone());
        }
        if self.only_listed {
            return Err(HttpRejection::document_not_allowed().into());
        }
        let Some(hash) = hash else {
            return Ok(self.documents.document(text)?);
        };
        let mismatch = "sha256Hash is not the SHA-256 of query in hexadecimal digits";
        let hash = decode(hash).ok_or_else(|| HttpRejection::bad_request(mismatch))?;
        let is_known = self
            .persisted
            .get(&hash)
            .is_some_and(|known| *known == *text);
        if !is_known && TextHash::from(Sha256::digest(text)) != hash {
            return Err(HttpRejection::bad_request(mismatch).into());
        }
        let document = self.documents.document(text)?;
        if !is_known {
            self.persisted.register(hash, text);
        }
        Ok(document)
    }
}

fn decode(hash: &str) -> Option<TextHash> {
    let mut bytes = TextHash::default();
    hex::decode_to_slice(hash, &mut bytes).ok()?;
    Some(bytes)
}

/// The hash in the extension `persistedQuery`, if the request has one.
fn persisted_query(
    extensions: Option<&BTreeMap<String, serde_json::Value>>,
) -> Result<Option<&str>, HttpRejection> {
    let Some(extension) = extensions.and_then(|extensions| extensions.get(EXTENSION)) else {
        return Ok(None);
    };
    if extension.is_null() {
        return Ok(None);
    }
    let malformed = || {
        let message = "the extension persistedQuery is not {\"version\": 1, \"sha256Hash\": \"…\"}";
        HttpRejection::bad_request(message)
    };
    let members = extension.as_object().ok_or_else(malformed)?;
    let version = members.get("version").ok_or_else(malformed)?;
    if version.as_u64() != Some(VERSION) {
        return Err(HttpRejection::persisted_query_not_supported());
    }
    let hash = members
        .get("sha256Hash")
        .and_then(serde_json::Value::as_str);
    hash.map(Some).ok_or_else(malformed)
}
