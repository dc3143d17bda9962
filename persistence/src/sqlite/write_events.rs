//! Writing the events of one batch, under the leases of their shards.

use fritzy_domain::{Event, EventId};
use fritzy_types::ShardLease;
use sqlx::{Row, SqliteConnection};

use super::error::WriteError;
use super::many_rows::ManyRows;
use crate::committer::Sequenced;
use crate::rows::signed;

/// Requires that each of the leases is the newest of its shard.
pub(super) async fn check_fence(
    fence: &ManyRows,
    connection: &mut SqliteConnection,
    leases: &[ShardLease],
) -> Result<(), WriteError> {
    let mut stale = Vec::new();
    for (statement, run) in fence.cut(leases) {
        let mut query = sqlx::query(statement);
        for lease in run {
            query = query
                .bind(lease.shard.0)
                .bind(*lease.owner.as_uuid())
                .bind(signed(lease.epoch.0));
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (shard, epoch): (u16, i64) = (row.try_get(0)?, row.try_get(1)?);
            let is_row =
                |lease: &&ShardLease| lease.shard.0 == shard && signed(lease.epoch.0) == epoch;
            stale.extend(run.iter().filter(is_row));
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(WriteError::Fenced(stale))
    }
}

/// Adds the events of a batch to the journal.
pub(super) async fn insert_events(
    journal: &ManyRows,
    connection: &mut SqliteConnection,
    batch: &[Sequenced<'_>],
) -> Result<(), sqlx::Error> {
    let rows: Vec<(&Sequenced<'_>, u64, &(EventId, Event))> = batch
        .iter()
        .flat_map(|sequenced| {
            let events = sequenced.append.events.iter().enumerate();
            events.map(move |(offset, event)| (sequenced, offset as u64, event))
        })
        .collect();
    for (statement, run) in journal.cut(&rows) {
        let mut query = sqlx::query(statement);
        for (Sequenced { append, first }, offset, (event_id, event)) in run {
            query = query
                .bind(append.lease.shard.0)
                .bind(signed(first + offset))
                .bind(*append.entity.as_uuid())
                .bind(signed(append.expected_version + 1 + offset))
                .bind(*event_id.as_uuid())
                .bind(event.event_type())
                .bind(event.payload())
                .bind(*append.command.as_uuid())
                .bind(append.fingerprint.map(|fingerprint| fingerprint.0.to_vec()));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
