//! What is sent to a committer.

use fritzy_domain::{Append, AppendError, AppendOutcome, CursorMove};
use fritzy_types::{ShardId, StorageError};
use tokio::sync::oneshot;

/// The reason of every call to a committer that is no longer running.
const STOPPED: &str = "the committer has stopped";

/// An append, and where its result is sent.
pub(super) struct AppendRequest {
    pub(super) append: Append,
    pub(super) reply: oneshot::Sender<Result<AppendOutcome, AppendError>>,
}

/// Cursors to be saved, and where the shards whose cursors were not saved are sent.
pub(super) struct CursorSave {
    pub(super) projection: String,
    pub(super) moves: Vec<CursorMove>,
    pub(super) reply: oneshot::Sender<Result<Vec<ShardId>, StorageError>>,
}

/// One entry of the queue.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all entries are appends: a box would be one more allocation for each"
)]
pub(super) enum CommitterCommand {
    Append(AppendRequest),
    /// Saved after the batch that is built at the same time.
    SaveCursors(CursorSave),
    /// Completed once everything queued before has its result.
    Barrier(oneshot::Sender<()>),
    /// Like a barrier; then the committer stops.
    Close(oneshot::Sender<()>),
}

/// An append that found the committer stopped.
pub(super) fn append_stopped(certainly_not_written: bool) -> AppendError {
    AppendError::Unavailable {
        reason: STOPPED.into(),
        certainly_not_written,
    }
}

/// Cursors that found the committer stopped.
pub(super) fn save_stopped() -> StorageError {
    StorageError::Unavailable(STOPPED.into())
}
