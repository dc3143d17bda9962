//! Where a violation is.

use std::fmt;

use fritzy_domain::Kind;
use uuid::Uuid;

/// Where a violation is, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The part of the database, where it is neither shard nor entity: an index, a table, a part of
    /// the check.
    pub part: Option<String>,
    /// The shard that a row names.
    pub shard: Option<i64>,
    /// The position in the shard.
    pub position: Option<i64>,
    /// The kind of the entity.
    pub kind: Option<Kind>,
    /// The entity's id: a UUID, or the bytes that are stored instead of one.
    pub id: Option<String>,
    /// The version of the entity.
    pub version: Option<i64>,
    /// The column of a state row; a line of an order as `lines[2]`.
    pub field: Option<String>,
}

impl Location {
    pub(crate) fn part(part: impl Into<String>) -> Self {
        Self {
            part: Some(part.into()),
            ..Self::default()
        }
    }

    pub(crate) fn position(shard: i64, position: Option<i64>) -> Self {
        Self {
            shard: Some(shard),
            position,
            ..Self::default()
        }
    }

    pub(crate) fn entity(kind: Option<Kind>, id: &[u8]) -> Self {
        Self {
            kind,
            id: Some(id_text(id)),
            ..Self::default()
        }
    }

    pub(crate) fn version(self, version: i64) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    pub(crate) fn at(self, shard: i64, position: i64) -> Self {
        Self {
            shard: Some(shard),
            position: Some(position),
            ..self
        }
    }

    pub(crate) fn field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.part.clone());
        parts.extend(self.shard.map(|shard| format!("shard {shard}")));
        parts.extend(self.position.map(|position| format!("position {position}")));
        if let Some(id) = &self.id {
            match self.kind {
                Some(kind) => parts.push(format!("{kind} {id}")),
                None => parts.push(format!("entity {id}")),
            }
        }
        parts.extend(self.version.map(|version| format!("version {version}")));
        parts.extend(self.field.clone());
        f.write_str(&parts.join(", "))
    }
}

/// An id as clients write it; malformed ids as their bytes.
pub(crate) fn id_text(id: &[u8]) -> String {
    const BYTES_MAX: usize = 32;
    match Uuid::from_slice(id) {
        Ok(id) => id.hyphenated().to_string(),
        Err(_) => {
            let shown = &id[..id.len().min(BYTES_MAX)];
            format!("x'{}' ({} bytes)", hex::encode(shown), id.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_id_is_shown_as_bytes() {
        assert_eq!(id_text(&[0xAB, 1]), "x'ab01' (2 bytes)");
        assert!(id_text(&[7; 5_000]).ends_with(" (5000 bytes)"));
    }
}
