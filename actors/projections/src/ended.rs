//! Why a run of a projection has ended.

use fritzy_types::StorageError;

use crate::ProjectionError;

/// Why a run of a projection has ended.
pub(super) enum Ended {
    /// A stop was requested.
    Stopped,
    /// All its shards were revoked at once.
    Abandoned,
    Failed(ProjectionError),
    /// The projection could not be started, so it has taken nothing.
    NotStarted(ProjectionError),
    /// The store is not available.
    Store(StorageError),
}

impl From<ProjectionError> for Ended {
    fn from(error: ProjectionError) -> Self {
        Self::Failed(error)
    }
}

impl From<StorageError> for Ended {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}
