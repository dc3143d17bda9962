//! A request as clients describe it: its identity, its deadline and its target.

use std::time::Instant;

use fritzy_domain::{CommandId, Fingerprint, Version};
use fritzy_types::Deadline;
use serde::{Deserialize, Serialize};

/// A request to change something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The command's id: derived from the idempotency key, or random without one.
    pub command: CommandId,
    /// Fingerprint of the content; present exactly when the client sent an idempotency key.
    pub fingerprint: Option<Fingerprint>,
    /// When the client stops waiting. Not serialized: nodes send the remaining time beside the
    /// request.
    #[serde(skip, default = "placeholder_deadline")]
    pub deadline: Deadline,
}

/// Stands in until the receiver sets the deadline it got beside the request.
fn placeholder_deadline() -> Deadline {
    Deadline::at(Instant::now())
}

/// The entity a command is for: the id as the client wrote it, and optionally the version the
/// client has seen.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The entity's id, not parsed yet.
    pub id: &'a str,
    /// Optimistic locking: at any other version the command is rejected. `None` accepts every
    /// version.
    pub expected_version: Option<Version>,
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(id: &'a str) -> Self {
        Self {
            id,
            expected_version: None,
        }
    }
}

impl<'a> From<&'a String> for Target<'a> {
    fn from(id: &'a String) -> Self {
        id.as_str().into()
    }
}
