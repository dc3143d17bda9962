//! What an account can be asked to do.

use serde::{Deserialize, Serialize};

/// A command to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountCommand {
    /// Come into being.
    Create {
        /// The person's name, as the client wrote it.
        name: String,
    },
    /// Be known by another name.
    Rename {
        /// The new name, as the client wrote it.
        name: String,
    },
    /// Order no more; final.
    Close,
}
