//! The files in which the build tools of clients list their documents.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

/// The format of npm `@apollo/generate-persisted-query-manifest`.
const APOLLO_FORMAT: &str = "apollo-persisted-query-manifest";
const APOLLO_VERSION: u32 = 1;

/// Documents of clients, by the ids under which they are sent.
#[derive(Debug)]
pub struct DocumentManifest {
    pub(super) entries: Vec<ManifestEntry>,
}

/// A document of a manifest.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestEntry {
    pub(super) id: String,
    #[serde(rename = "body")]
    pub(super) text: String,
}

/// Why a manifest is refused, as a clause.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or has neither form.
    #[error(
        "it is neither Apollo's persisted-query-manifest nor a JSON object of documents by hash: {0}"
    )]
    Form(String),
    /// Apollo's manifest in another format or version.
    #[error(
        "its format is {format:?} in version {version}; known is {APOLLO_FORMAT:?} in version {APOLLO_VERSION}"
    )]
    Format {
        /// The value of `format`.
        format: String,
        /// The value of `version`.
        version: u32,
    },
    /// No document at all: probably another file.
    #[error("it lists no document")]
    Empty,
    /// Two documents have one id.
    #[error("it lists two different documents as {0:?}")]
    Repeated(String),
    /// A document cannot be executed by this version of the API.
    #[error("its document {id:?} is refused: {message}")]
    Invalid {
        /// The id of the document.
        id: String,
        /// The first error of its validation, with its place.
        message: String,
    },
}

#[derive(Deserialize)]
struct ApolloManifest {
    format: String,
    version: u32,
    operations: Vec<ManifestEntry>,
}

/// The object of relay-compiler (`persistConfig.file`) and graphql-codegen
/// (`persisted-documents.json`). Not a map, so that repeated keys are seen.
struct ByHash(Vec<ManifestEntry>);

impl DocumentManifest {
    /// Reads the text of a manifest in either form.
    ///
    /// # Errors
    /// [`ManifestError`], for everything but invalid documents.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let form = |failure: serde_json::Error| ManifestError::Form(failure.to_string());
        let text = text.trim_start_matches('\u{feff}');
        let value: serde_json::Value = serde_json::from_str(text).map_err(form)?;
        let is_apollo = value
            .get("operations")
            .is_some_and(|list| !list.is_string());
        let entries = if is_apollo {
            let manifest: ApolloManifest = serde_json::from_str(text).map_err(form)?;
            let (format, version) = (manifest.format, manifest.version);
            if (format.as_str(), version) != (APOLLO_FORMAT, APOLLO_VERSION) {
                return Err(ManifestError::Format { format, version });
            }
            manifest.operations
        } else {
            let ByHash(entries) = serde_json::from_str(text).map_err(form)?;
            entries
        };
        if entries.is_empty() {
            return Err(ManifestError::Empty);
        }
        Ok(Self { entries })
    }
}

impl<'de> Deserialize<'de> for ByHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ByHash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of documents by hash")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByHash, A::Error> {
                let mut entries = Vec::new();
                while let Some((id, text)) = map.next_entry()? {
                    entries.push(ManifestEntry { id, text });
                }
                Ok(ByHash(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<(String, String)> {
        let manifest = DocumentManifest::parse(text).expect("a manifest");
        let entries = manifest.entries.into_iter();
        entries.map(|entry| (entry.id, entry.text)).collect()
    }

    #[test]
    fn both_forms_of_manifests_are_read() {
        let expected = [("a1".to_owned(), "{ a }".to_owned())];
        let apollo = r#"{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            { "id": "a1", "name": "A", "type": "query", "body": "{ a }" } ] }"#;
        assert_eq!(ids(apollo), expected);
        assert_eq!(ids("\u{feff}{ \"a1\": \"{ a }\" }"), expected);
        let named_like_a_key = r#"{ "operations": "{ a }" }"#;
        assert_eq!(ids(named_like_a_key)[0].0, "operations");
    }

    #[test]
    fn other_forms_of_manifests_are_refused() {
        use ManifestError::{Empty, Form, Format};
        let error = |text| DocumentManifest::parse(text).expect_err("refused");
        for text in [
            "",
            "[]",
            "1",
            "{",
            r#"{ "a": 1 }"#,
            r#"{ "a": { "body": "{ a }" } }"#,
            r#"{ "operations": [] }"#,
            r#"{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{ "id": "a" }] }"#,
        ] {
            assert!(matches!(error(text), Form(_)), "{text}");
        }
        assert_eq!(error("{}"), Empty);
        let other =
            r#"{ "format": "apollo-persisted-query-manifest", "version": 2, "operations": [] }"#;
        assert!(matches!(error(other), Format { version: 2, .. }));
    }
}
