//! Rows of the read model, and pages of its lists.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Version;

/// A state with its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored<T> {
    /// The version of its last event.
    pub version: Version,
    /// The fold of all its events (invariant I5).
    pub state: T,
}

/// A page of a list ordered by (created at, id), by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to skip at the start.
    pub skip: u64,
    /// Rows to return at most.
    pub take: u32,
}

/// The place of a row in a list ordered by (created at, id). It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey {
    /// When the entity was created.
    pub created_at: Timestamp,
    /// The id of the entity.
    pub id: Uuid,
}

impl SortKey {
    /// The place before every row: a page after it begins with the first.
    pub const START: Self = Self {
        created_at: Timestamp::from_micros(i64::MIN),
        id: Uuid::nil(),
    };
    /// The place behind every row: a page before it may reach to the last.
    pub const END: Self = Self {
        created_at: Timestamp::from_micros(i64::MAX),
        id: Uuid::max(),
    };
}

/// A page of a list by keys (keyset pagination). Rows added or removed elsewhere do not shift it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysetPage {
    /// Only rows behind this key.
    pub after: SortKey,
    /// Only rows before this key.
    pub before: SortKey,
    /// Rows to return at most.
    pub take: u32,
    /// Whether to take the last rows instead of the first. They are in ascending order either way.
    pub from_end: bool,
}
