//! Why cursors could not be read or set.

use fritzy_domain::Position;
use fritzy_types::{ShardId, StorageError};

use crate::open_error::OpenError;

/// Why nothing can be said, or was set.
#[derive(Debug, thiserror::Error)]
pub enum CursorAdminError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read or a write failed.
    #[error("{0}")]
    Store(#[from] StorageError),
    /// No cursor to be set.
    #[error(
        "projection {projection} has no cursor in shard {shard}; `fritzy projections status` names those there are"
    )]
    NoCursor {
        /// As it was asked for.
        projection: String,
        /// As it was asked for.
        shard: ShardId,
    },
    /// Nothing to be left out.
    #[error("projection {projection} has not stopped in shard {shard}: there is nothing to skip")]
    NotStopped {
        /// As it was asked for.
        projection: String,
        /// As it was asked for.
        shard: ShardId,
    },
    /// It would go on behind events that are not there.
    #[error("shard {shard} ends at position {head}: a cursor cannot stand at {position}")]
    Beyond {
        /// As it was asked for.
        shard: ShardId,
        /// The last position there is.
        head: Position,
        /// As it was asked for.
        position: Position,
    },
}
