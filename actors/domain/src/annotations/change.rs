//! Changes of annotations: what is not named stays as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metadata::{METADATA_ENTRIES_MAX, check_entry_count, check_key, check_value, repeated};
use super::{Annotations, ExternalReference, Metadata};
use crate::{Argument, Flaw, Rejection};

/// Entries of metadata that one change may name: as many to remove and to set as there can be.
const METADATA_CHANGES_MAX: usize = 2 * METADATA_ENTRIES_MAX;

/// A change of the annotations of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnotationsChange {
    /// What happens to the external reference.
    pub external_reference: ReferenceChange,
    /// What happens to the metadata.
    pub metadata: MetadataChange,
}

/// What happens to an external reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferenceChange {
    /// It stays.
    Keep,
    /// It is removed, and can be used by another entity.
    Remove,
    /// It is replaced.
    Set(ExternalReference),
}

/// What happens to metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetadataChange {
    /// All entries stay.
    Keep,
    /// All entries are removed.
    Clear,
    /// These entries are set, or removed where there is no value; the others stay.
    Merge(BTreeMap<String, Option<String>>),
}

impl AnnotationsChange {
    /// Parses the arguments `externalReference` and `metadata` of a change: absent keeps, null
    /// removes. Entries of metadata are merged by key; one whose value is null is removed.
    ///
    /// # Errors
    /// When both are absent, or one is invalid, or an entry has no value: an absent variable must
    /// not remove it.
    pub fn parse(
        reference: &Argument<String>,
        metadata: &Argument<Vec<(String, Argument<String>)>>,
    ) -> Result<Self, Rejection> {
        if let (Argument::Absent, Argument::Absent) = (reference, metadata) {
            let or = "metadata".into();
            let flaw = Flaw::NothingToChange { or };
            return Err(Rejection::invalid("externalReference", flaw));
        }
        Ok(Self {
            external_reference: match reference {
                Argument::Absent => ReferenceChange::Keep,
                Argument::Null => ReferenceChange::Remove,
                Argument::Value(text) => ReferenceChange::Set(ExternalReference::parse(text)?),
            },
            metadata: match metadata {
                Argument::Absent => MetadataChange::Keep,
                Argument::Null => MetadataChange::Clear,
                Argument::Value(entries) => MetadataChange::Merge(parse_entries(entries)?),
            },
        })
    }

    /// The annotations after the change.
    ///
    /// # Errors
    /// When there would be too many entries, or too large ones.
    pub(crate) fn apply(self, to: &Annotations) -> Result<Annotations, Rejection> {
        Ok(Annotations {
            external_reference: match self.external_reference {
                ReferenceChange::Keep => to.external_reference.clone(),
                ReferenceChange::Remove => None,
                ReferenceChange::Set(reference) => Some(reference),
            },
            metadata: match self.metadata {
                MetadataChange::Keep => to.metadata.clone(),
                MetadataChange::Clear => Metadata::default(),
                MetadataChange::Merge(changes) => to.metadata.merged(&changes)?,
            },
        })
    }
}

fn parse_entries(
    entries: &[(String, Argument<String>)],
) -> Result<BTreeMap<String, Option<String>>, Rejection> {
    let mut changes = BTreeMap::new();
    check_entry_count(entries.len(), METADATA_CHANGES_MAX)?;
    for (index, (key, value)) in entries.iter().enumerate() {
        check_key(key, index)?;
        let value = match value {
            Argument::Absent => {
                let or = "null".into();
                let field = format!("metadata[{index}].value");
                return Err(Rejection::invalid(field, Flaw::NothingToChange { or }));
            }
            Argument::Null => None,
            Argument::Value(value) => {
                check_value(value, index)?;
                Some(value.clone())
            }
        };
        if changes.insert(key.clone(), value).is_some() {
            return Err(repeated(index));
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnnotationsInput;

    fn annotations(reference: Option<&str>, entries: &[(&str, &str)]) -> Annotations {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let input = AnnotationsInput {
            external_reference: reference.map(Into::into),
            metadata: entries.collect(),
        };
        input.check().expect("valid")
    }

    fn change(
        reference: Argument<&str>,
        metadata: Argument<&[(&str, Option<&str>)]>,
    ) -> Result<AnnotationsChange, Rejection> {
        let value =
            |value: Option<&str>| value.map_or(Argument::Null, |it| Argument::Value(it.into()));
        let entry = |(key, text): &(&str, Option<&str>)| ((*key).into(), value(*text));
        AnnotationsChange::parse(
            &reference.map(Into::into),
            &metadata.map(|entries| entries.iter().map(entry).collect()),
        )
    }

    #[test]
    fn change_keeps_what_it_does_not_name() {
        let before = annotations(Some("r1"), &[("a", "1"), ("b", "2")]);
        for (reference, metadata, after) in [
            (
                Argument::Value("r2"),
                Argument::Absent,
                annotations(Some("r2"), &[("a", "1"), ("b", "2")]),
            ),
            (
                Argument::Null,
                Argument::Value(&[][..]),
                annotations(None, &[("a", "1"), ("b", "2")]),
            ),
            (
                Argument::Absent,
                Argument::Value(&[("b", None), ("c", Some("3")), ("d", None)][..]),
                annotations(Some("r1"), &[("a", "1"), ("c", "3")]),
            ),
            (
                Argument::Absent,
                Argument::Null,
                annotations(Some("r1"), &[]),
            ),
        ] {
            let change = change(reference, metadata).expect("valid");
            assert_eq!(change.apply(&before), Ok(after));
        }
    }

    #[test]
    fn change_of_nothing_is_rejected() {
        let flaw = Flaw::NothingToChange {
            or: "metadata".into(),
        };
        let rejected = Rejection::invalid("externalReference", flaw);
        assert_eq!(change(Argument::Absent, Argument::Absent), Err(rejected));
    }

    #[test]
    fn entry_without_a_value_is_rejected() {
        let entries = vec![
            ("a".to_owned(), Argument::Null),
            ("b".to_owned(), Argument::Absent),
        ];
        let rejected = AnnotationsChange::parse(&Argument::Absent, &Argument::Value(entries));
        let flaw = Flaw::NothingToChange { or: "null".into() };
        assert_eq!(rejected, Err(Rejection::invalid("metadata[1].value", flaw)));
    }

    #[test]
    fn merged_entries_are_bounded_together() {
        let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
        let full: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        let before = annotations(None, &full);
        let one_more = change(Argument::Absent, Argument::Value(&[("more", Some("x"))]));
        let flaw = Flaw::TooMany { max: 20 };
        let rejected = Err(Rejection::invalid("metadata", flaw));
        assert_eq!(one_more.expect("valid").apply(&before), rejected);
        let swapped = [("k0", None), ("more", Some("x"))];
        let swapped = change(Argument::Absent, Argument::Value(&swapped));
        assert!(swapped.expect("valid").apply(&before).is_ok());
        let other: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
        let removed = full.iter().map(|(key, _)| (*key, None));
        let set = other.iter().map(|key| (key.as_str(), Some("")));
        let mut all: Vec<_> = removed.chain(set).collect();
        let replaced = change(Argument::Absent, Argument::Value(&all));
        assert!(replaced.expect("valid").apply(&before).is_ok());
        all.push(("x", None));
        let rejected = Rejection::invalid("metadata", Flaw::TooMany { max: 40 });
        assert_eq!(
            change(Argument::Absent, Argument::Value(&all)),
            Err(rejected)
        );
        let repeated = change(
            Argument::Absent,
            Argument::Value(&[("k", None), ("k", Some(""))]),
        );
        let rejected = Rejection::invalid("metadata[1].key", Flaw::RepeatedKey);
        assert_eq!(repeated, Err(rejected));
    }
}
