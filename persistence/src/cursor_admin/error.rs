//! Why cursors could not be read or set.

use fritzy_domain::Position;
use fritzy_types::{ShardId, StorageError};

use crate::open_error::OpenError;

/// Why cursors could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum CursorAdminError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read or a write failed.
    #[error("{0}")]
    Store(#[from] StorageError),
    /// The projection has no cursor in this shard.
    #[error(
        "projection {projection} has no cursor in shard {shard}; `fritzy projections status` lists the cursors"
    )]
    NoCursor {
        /// The projection by the name that the caller gave.
        projection: String,
        /// The shard in which its cursor was looked up.
        shard: ShardId,
    },
    /// The projection has not stopped in this shard, so there is no event to skip.
    #[error("projection {projection} has not stopped in shard {shard}: there is nothing to skip")]
    NotStopped {
        /// The projection by the name that the caller gave.
        projection: String,
        /// The shard in which its cursor was looked up.
        shard: ShardId,
    },
    /// The requested position is beyond the last event: the projection would miss events.
    #[error("shard {shard} ends at position {head}: the cursor cannot be set to {position}")]
    Beyond {
        /// The shard whose cursor was to be moved.
        shard: ShardId,
        /// The position of the shard's last event, 0 where there is none.
        head: Position,
        /// The position that the caller asked for.
        position: Position,
    },
}
