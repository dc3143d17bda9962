//! The status of an order, and its transitions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Placed, and not confirmed yet.
    Created,
    /// Confirmed, and not delivered yet.
    Confirmed,
    /// Delivered; no transition leaves this status.
    Completed,
    /// Cancelled before delivery; no transition leaves this status.
    Cancelled,
}

impl OrderStatus {
    /// All statuses, in the order of their declaration.
    pub const ALL: [Self; 4] = [
        Self::Created,
        Self::Confirmed,
        Self::Completed,
        Self::Cancelled,
    ];

    /// All allowed transitions: (from, to).
    pub const TRANSITIONS: [(Self, Self); 4] = [
        (Self::Created, Self::Confirmed),
        (Self::Confirmed, Self::Completed),
        (Self::Created, Self::Cancelled),
        (Self::Confirmed, Self::Cancelled),
    ];

    /// Whether [`Self::TRANSITIONS`] has this transition.
    pub fn can_become(self, to: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, to))
    }

    /// The name in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name in stores.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
