//! What clients attach to an account, a product or an order: a reference of their own, by which it
//! is found, and metadata. No rule of the shop depends on their content.

mod change;
mod external_reference;
mod metadata;

use serde::{Deserialize, Serialize};

pub use change::{AnnotationsChange, MetadataChange, ReferenceChange};
pub use external_reference::{EXTERNAL_REFERENCE_CHARS_MAX, ExternalReference};
pub use metadata::{
    METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_CHARS_MAX, METADATA_VALUE_CHARS_MAX,
    Metadata,
};

use crate::Rejection;

/// The external reference and the metadata of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// The reference of another system. Within a kind, at most one entity that is neither closed
    /// nor withdrawn has it.
    pub external_reference: Option<ExternalReference>,
    /// Texts by their keys.
    pub metadata: Metadata,
}

impl Annotations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.external_reference.is_none() && self.metadata.is_empty()
    }

    /// The bytes they own on the heap.
    pub fn heap_bytes(&self) -> usize {
        let reference = self.external_reference.as_ref();
        reference.map_or(0, |reference| reference.as_str().len()) + self.metadata.heap_bytes()
    }
}

/// The external reference and the metadata of an entity to create, as the client wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnotationsInput {
    /// The external reference, if one was given.
    pub external_reference: Option<String>,
    /// Keys and values, in the order of the client.
    pub metadata: Vec<(String, String)>,
}

impl AnnotationsInput {
    /// Checks the input.
    ///
    /// # Errors
    /// When a text or the number of entries exceeds its limits, or a key is malformed or repeated.
    /// The rejection names the argument, such as `metadata[3].key`.
    pub fn check(&self) -> Result<Annotations, Rejection> {
        let reference = self.external_reference.as_deref();
        Ok(Annotations {
            external_reference: reference.map(ExternalReference::parse).transpose()?,
            metadata: Metadata::parse(&self.metadata)?,
        })
    }
}
