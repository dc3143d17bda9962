//! External references and metadata: their inputs and outputs, which accounts, products and orders
//! have in common.

use async_graphql::{InputObject, MaybeUndefined, Object};
use fritzy_domain::{
    Annotations, AnnotationsChange, AnnotationsInput, Argument, FingerprintBuilder, Rejection,
};

use super::budgeted::{Row, Text};

/// Separates the annotations of a creation from the fields before them in its fingerprint.
/// Creations without annotations keep the fingerprint that they had before there were any.
const ANNOTATIONS: &str = "annotations";

/// Entry of metadata to create.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct MetadataEntryInput {
    /// Key: 1 to 40 ASCII letters, digits, `_`, `-`, `.` and `:`.
    key: String,
    /// Value: at most 500 characters; may be empty.
    value: String,
}

/// Entry of metadata to set or to remove.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct MetadataChangeInput {
    /// Key: 1 to 40 ASCII letters, digits, `_`, `-`, `.` and `:`.
    key: String,
    /// New value, of at most 500 characters; null removes the entry. It must be given.
    value: MaybeUndefined<String>,
}

/// An entry of metadata.
pub(crate) struct MetadataEntry<'a> {
    key: &'a str,
    value: &'a str,
}

/// Entry of metadata.
#[Object(name = "MetadataEntry")]
impl MetadataEntry<'_> {
    /// Key, unique in its metadata.
    async fn key(&self) -> Text<'_> {
        Text(self.key)
    }

    /// Value; may be empty.
    async fn value(&self) -> Text<'_> {
        Text(self.value)
    }
}

/// The external reference, as a field of its entity.
pub(super) fn reference_of(annotations: &Annotations) -> Option<Text<'_>> {
    let reference = annotations.external_reference.as_ref();
    reference.map(|reference| Text(reference.as_str()))
}

/// The entries of metadata, as a field of their entity.
pub(super) fn entries_of(annotations: &Annotations) -> Vec<Row<MetadataEntry<'_>>> {
    let entries = annotations.metadata.iter();
    entries
        .map(|(key, value)| Row(MetadataEntry { key, value }))
        .collect()
}

/// The annotations of an entity to create. Null is as absent.
pub(super) fn input(
    external_reference: Option<String>,
    metadata: Option<Vec<MetadataEntryInput>>,
) -> AnnotationsInput {
    let entries = metadata.unwrap_or_default().into_iter();
    AnnotationsInput {
        external_reference,
        metadata: entries.map(|entry| (entry.key, entry.value)).collect(),
    }
}

/// Adds the annotations of a creation to its fingerprint, if there are any.
pub(super) fn fingerprint(
    print: FingerprintBuilder,
    annotations: &AnnotationsInput,
) -> FingerprintBuilder {
    if *annotations == AnnotationsInput::default() {
        return print;
    }
    let print = print
        .text(ANNOTATIONS)
        .optional(annotations.external_reference.as_deref());
    let entries = annotations.metadata.iter();
    entries.fold(print, |print, (key, value)| print.text(key).text(value))
}

/// The arguments of a change of annotations.
pub(super) struct AnnotationArguments {
    external_reference: Argument<String>,
    metadata: Argument<Vec<(String, Argument<String>)>>,
}

impl AnnotationArguments {
    pub(super) fn new(
        external_reference: MaybeUndefined<String>,
        metadata: MaybeUndefined<Vec<MetadataChangeInput>>,
    ) -> Self {
        let entry = |entry: MetadataChangeInput| (entry.key, argument(entry.value));
        Self {
            external_reference: argument(external_reference),
            metadata: argument(metadata).map(|entries| entries.into_iter().map(entry).collect()),
        }
    }

    /// Adds them to a fingerprint.
    pub(super) fn fingerprint(&self, print: FingerprintBuilder) -> FingerprintBuilder {
        let print = match &self.external_reference {
            Argument::Absent => print.number(0),
            Argument::Null => print.number(1),
            Argument::Value(reference) => print.number(2).text(reference),
        };
        match &self.metadata {
            Argument::Absent => print.number(0),
            Argument::Null => print.number(1),
            Argument::Value(entries) => {
                let entries = entries.iter();
                entries.fold(print.number(2), |print, (key, value)| {
                    let value = match value {
                        Argument::Value(value) => Some(value.as_str()),
                        Argument::Null | Argument::Absent => None,
                    };
                    print.text(key).optional(value)
                })
            }
        }
    }

    pub(super) fn parse(&self) -> Result<AnnotationsChange, Rejection> {
        AnnotationsChange::parse(&self.external_reference, &self.metadata)
    }
}

fn argument<T>(given: MaybeUndefined<T>) -> Argument<T> {
    match given {
        MaybeUndefined::Undefined => Argument::Absent,
        MaybeUndefined::Null => Argument::Null,
        MaybeUndefined::Value(value) => Argument::Value(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(reference: Option<&str>, entries: &[(&str, &str)]) -> [u8; 16] {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let annotations = AnnotationsInput {
            external_reference: reference.map(Into::into),
            metadata: entries.collect(),
        };
        let before = FingerprintBuilder::default().text("Ada");
        fingerprint(before, &annotations).finish().0
    }

    /// A retry over an upgrade must be recognised.
    #[test]
    fn creation_without_annotations_keeps_its_fingerprint() {
        let released = "a73f775736c1ec2a28904ebc3533797c";
        let bytes = print(None, &[]);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, released);
    }

    #[test]
    fn fingerprint_separates_annotations() {
        let prints = [
            print(None, &[]),
            print(Some(""), &[]),
            print(Some("a"), &[]),
            print(None, &[("a", "")]),
            print(None, &[("a", "b")]),
            print(Some("a"), &[("a", "b")]),
            print(None, &[("a", "b"), ("c", "d")]),
            print(None, &[("c", "d"), ("a", "b")]),
        ];
        for (index, print) in prints.iter().enumerate() {
            assert!(!prints[..index].contains(print), "{index}");
        }
    }
}
