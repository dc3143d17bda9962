//! Why a tail has no more events.

use fritzy_domain::Position;
use fritzy_types::{ShardId, StorageError};

use crate::open_error::OpenError;

/// Why there are no more events to be had.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read failed.
    #[error(
        "{0}. Run `fritzy journal verify`; if that finds nothing, run this again from where it ended"
    )]
    Read(#[from] StorageError),
    /// An event is missing in the midst of a shard (invariant I2).
    #[error(
        "shard {shard} has a gap: it has no event at position {missing}, and {head} is its last. Events were lost: \
         run `fritzy journal verify`, and restore a backup"
    )]
    Gap {
        /// The shard.
        shard: ShardId,
        /// The first position that is missing.
        missing: Position,
        /// The last position there is.
        head: Position,
    },
    /// The cursor is not of this database, or the database has lost its end.
    #[error(
        "shard {shard} ends at position {head}, and {read} was read already: the cursor is another database's, \
         or this one was restored from a backup. Begin anew with --from start, or from a time"
    )]
    CursorAhead {
        /// The shard.
        shard: ShardId,
        /// The last position there is, 0 where there is none.
        head: Position,
        /// The position that was read.
        read: Position,
    },
}
