//! Texts by keys, which clients attach to an entity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::check_prose;
use crate::{Flaw, Rejection};

/// Entries of an entity at most. Each is copied with every state and stored with every change.
pub const METADATA_ENTRIES_MAX: usize = 20;
/// Characters of a key at most.
pub const METADATA_KEY_CHARS_MAX: usize = 40;
/// Characters of a value at most; longer ones are documents, which belong elsewhere.
pub const METADATA_VALUE_CHARS_MAX: usize = 500;
/// Bytes of all keys and values of an entity at most, in UTF-8: as many as 20 entries of some 400
/// letters. It bounds rows, events and messages where characters take several bytes.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// Texts by keys. The keys are ASCII letters, digits, `_`, `-`, `.` and `:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Checks the entries in the argument `metadata`.
    pub(super) fn parse(entries: &[(String, String)]) -> Result<Self, Rejection> {
        let mut metadata = BTreeMap::new();
        check_entry_count(entries.len(), METADATA_ENTRIES_MAX)?;
        for (index, (key, value)) in entries.iter().enumerate() {
            check_key(key, index)?;
            check_value(value, index)?;
            if metadata.insert(key.clone(), value.clone()).is_some() {
                return Err(repeated(index));
            }
        }
        Self(metadata).check_size()
    }

    /// Metadata that was checked before it was stored.
    pub const fn from_stored(entries: BTreeMap<String, String>) -> Self {
        Self(entries)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.iter();
        entries.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The JSON in stores and events: an object, its keys in order.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.0).expect("texts by texts are JSON")
    }

    /// The entries after those of `changes` are set, or removed where there is no value.
    pub(super) fn merged(
        &self,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<Self, Rejection> {
        let mut entries = self.0.clone();
        for (key, value) in changes {
            match value {
                Some(value) => drop(entries.insert(key.clone(), value.clone())),
                None => drop(entries.remove(key)),
            }
        }
        check_entry_count(entries.len(), METADATA_ENTRIES_MAX)?;
        Self(entries).check_size()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let entry = |(key, value): (&str, &str)| 2 * size_of::<String>() + key.len() + value.len();
        self.iter().map(entry).sum()
    }

    fn check_size(self) -> Result<Self, Rejection> {
        let bytes: usize = self
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if bytes > METADATA_BYTES_MAX {
            let flaw = Flaw::TooManyBytes {
                max: METADATA_BYTES_MAX,
            };
            return Err(Rejection::invalid("metadata", flaw));
        }
        Ok(self)
    }
}

pub(super) fn check_entry_count(entries: usize, max: usize) -> Result<(), Rejection> {
    if entries > max {
        let flaw = Flaw::TooMany { max };
        return Err(Rejection::invalid("metadata", flaw));
    }
    Ok(())
}

pub(super) fn check_key(key: &str, index: usize) -> Result<(), Rejection> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    let flaw = if key.is_empty() {
        Flaw::Empty
    } else if !key.bytes().all(allowed) {
        Flaw::NotAKey
    } else if key.len() > METADATA_KEY_CHARS_MAX {
        Flaw::TooLong {
            max: METADATA_KEY_CHARS_MAX,
        }
    } else {
        return Ok(());
    };
    Err(Rejection::invalid(format!("metadata[{index}].key"), flaw))
}

pub(super) fn check_value(value: &str, index: usize) -> Result<(), Rejection> {
    let field = format!("metadata[{index}].value");
    check_prose(value, &field, METADATA_VALUE_CHARS_MAX)
}

pub(super) fn repeated(index: usize) -> Rejection {
    Rejection::invalid(format!("metadata[{index}].key"), Flaw::RepeatedKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[(&str, &str)]) -> Result<Metadata, Rejection> {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Metadata::parse(&entries.collect::<Vec<_>>())
    }

    #[test]
    fn metadata_is_sorted_by_key() {
        let metadata = parse(&[("b-2", "two\nlines"), ("A.1:x_", "")]).expect("valid");
        assert_eq!(metadata.json(), r#"{"A.1:x_":"","b-2":"two\nlines"}"#);
    }

    #[test]
    fn invalid_entry_is_rejected_by_its_place() {
        let (key, value) = ("k".repeat(41), "é".repeat(501));
        for (entry, field, flaw) in [
            (("", "x"), "key", Flaw::Empty),
            (("a b", "x"), "key", Flaw::NotAKey),
            (("ä", "x"), "key", Flaw::NotAKey),
            ((&*key, "x"), "key", Flaw::TooLong { max: 40 }),
            (("first", "x"), "key", Flaw::RepeatedKey),
            (("k", &*value), "value", Flaw::TooLong { max: 500 }),
            (("k", "a\0"), "value", Flaw::ControlCharacter),
        ] {
            let rejected = Rejection::invalid(format!("metadata[1].{field}"), flaw);
            assert_eq!(parse(&[("first", "1"), entry]), Err(rejected), "{entry:?}");
        }
    }

    #[test]
    fn number_and_size_of_entries_are_bounded() {
        let numbered = |count: usize, value: &str| -> Vec<(String, String)> {
            let keys = (0..count).map(|number| format!("key-{number:02}"));
            keys.map(|key| (key, value.to_owned())).collect()
        };
        assert!(Metadata::parse(&numbered(20, "x")).is_ok());
        let many = Metadata::parse(&numbered(21, "x"));
        let flaw = Flaw::TooMany { max: 20 };
        assert_eq!(many, Err(Rejection::invalid("metadata", flaw)));
        // 6 bytes of key and 403 of value: 8 180 bytes of 20, and one more each is too much.
        assert!(Metadata::parse(&numbered(20, &"x".repeat(403))).is_ok());
        let large = Metadata::parse(&numbered(20, &"x".repeat(404)));
        let flaw = Flaw::TooManyBytes { max: 8192 };
        assert_eq!(large, Err(Rejection::invalid("metadata", flaw)));
    }
}
