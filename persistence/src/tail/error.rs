//! Why a tail has no more events.

use fritzy_domain::Position;
use fritzy_types::{ShardId, StorageError};

use crate::open_error::OpenError;

/// Why a tail returned no event.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read of the journal failed, or found an unreadable event.
    #[error(
        "{0}. Run `fritzy journal verify`; if that finds nothing, run this again from the last cursor"
    )]
    Read(#[from] StorageError),
    /// An event is missing within a shard (invariant I2).
    #[error(
        "shard {shard} has a gap: it has no event at position {missing}, and {head} is its last. Events were lost: \
         run `fritzy journal verify`, and restore a backup"
    )]
    Gap {
        /// The shard with the gap.
        shard: ShardId,
        /// The first missing position.
        missing: Position,
        /// The shard's last position.
        head: Position,
    },
    /// The cursor is of another database, or the database has lost its last events.
    #[error(
        "shard {shard} ends at position {head}, but the cursor is at {read}: it is of another database, \
         or this one was restored from a backup. Start again with --from start, or from a time"
    )]
    CursorAhead {
        /// The first shard where this was found.
        shard: ShardId,
        /// The shard's last position, 0 where there is none.
        head: Position,
        /// The position in the cursor.
        read: Position,
    },
}
