//! What an account can be asked to do.

/// A command to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
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
