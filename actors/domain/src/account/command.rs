//! The commands to an account.

use serde::{Deserialize, Serialize};

/// A command to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountCommand {
    /// Creates the account, open and under this name.
    Create {
        /// The person's name, not validated yet.
        name: String,
    },
    /// Replaces the name of its holder.
    Rename {
        /// The new name, not validated yet.
        name: String,
    },
    /// Closes the account for good: it is read-only and cannot order.
    Close,
}
