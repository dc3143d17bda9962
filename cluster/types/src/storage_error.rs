//! Why a store did not complete a read.

/// Which limit of the memory budget was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetExceeded {
    /// One response would be larger than any may be: the caller must request less.
    #[error("one response may take {bytes_max} bytes of memory, and this one would take more")]
    PerResponse {
        /// The limit for one response, in bytes.
        bytes_max: usize,
    },
    /// The responses in flight have used up the shared budget: the same request can succeed later.
    #[error("large responses in flight have used up their shared memory budget")]
    Shared,
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The store does not respond.
    #[error("the store could not read: {0}")]
    Unavailable(String),
    /// The store was found damaged: nothing is read from it any more, since what it returns may be
    /// incomplete.
    #[error("{0}")]
    Damaged(String),
    /// Stored data cannot be decoded; that entity is unavailable, and never skipped.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
    /// The rows exceed the memory budget; none of them is kept.
    #[error(transparent)]
    BudgetExceeded(#[from] BudgetExceeded),
}
