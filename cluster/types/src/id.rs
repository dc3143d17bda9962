//! Ids that belong to no product: a run of a node, and the routing key of whatever is distributed over shards.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The routing key of an id: 16 bits. 65 536 values bound the number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// One run of one node: generated at every start, so that a restarted node is a different owner. Version 7 UUIDs, so that
/// a node that started later has the greater id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Uuid);

impl NodeId {
    /// The id with exactly these 16 bytes.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The 16 bytes.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
