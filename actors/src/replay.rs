//! Rebuilding the state that a recorded command left behind.

use std::sync::Arc;

use fritzy_domain::{CommandRecord, Journal, Stored, fold};
use fritzy_types::{Failure, ShardId};
use tracing::error;

use crate::error::read_failure;
use crate::messages::Snapshot;

/// The state of an entity right after the recorded command: the fold of its events up to then.
pub(crate) async fn state_at(
    journal: &Journal,
    shard: ShardId,
    record: &CommandRecord,
) -> Result<Snapshot, Failure> {
    let events = journal
        .read_entity(shard, record.entity, record.version)
        .await
        .map_err(read_failure)?;
    let state = fold(events.iter().map(|recorded| &recorded.event));
    let state = state.ok_or_else(|| {
        error!(entity = %record.entity, "the journal has a command's record but not its events");
        Failure::Internal
    })?;
    Ok(Arc::new(Stored {
        version: record.version,
        state,
    }))
}
