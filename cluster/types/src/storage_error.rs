//! Why a store did not do what it was asked to.

/// Why there is no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetExceeded {
    /// One answer would be larger than any may be: the caller must ask for less.
    #[error("one answer may take {bytes_max} bytes of memory, and this one would take more")]
    PerResponse {
        /// What one answer may take.
        bytes_max: usize,
    },
    /// All answers under way have taken what there is: the same request can work later.
    #[error("large answers under way have taken all the room there is for them")]
    Shared,
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The store does not answer.
    #[error("the store could not read: {0}")]
    Unavailable(String),
    /// What is stored cannot be read; that entity is unavailable, it is never skipped.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
    /// The rows would take more room than there is; nothing is kept of them.
    #[error(transparent)]
    BudgetExceeded(#[from] BudgetExceeded),
}
