//! Resolving in-doubt batches: finding out whether a batch whose result was lost was written.
//!
//! Reading the journal alone proves nothing: the server may still be executing the batch, and
//! commit it after the read. So the epochs of its shards are raised first. That waits for the old
//! statement to end, if it has begun, and makes its fence fail, if it has not. What is not in the
//! journal then never will be.

use std::collections::HashMap;
use std::time::Duration;

use fritzy_types::{Epoch, NodeId, ShardId, ShardLease};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info};

use super::batch_statement::small;
use super::committer_connection::{CommitterConnection, STEP_MAX, retry_soon};
use super::continuity::STARTS_OVER;
use super::error_class::{ErrorClass, classify};
use crate::committer::{BatchError, Sequenced};
use crate::rows::signed;

/// The shards of in-doubt batches, and the epochs that were raised to resolve earlier ones.
#[derive(Default)]
pub(super) struct InDoubt {
    /// Shards in which a lost batch may still be committed, each with the newest lease of that
    /// batch. Their epochs must be raised before anything else is read or written there.
    shards: HashMap<ShardId, ShardLease>,
    bumps: HashMap<ShardId, EpochBump>,
}

/// An epoch that this committer has raised by itself. The owner under one of the replaced epochs
/// continues under the new one.
#[derive(Clone, Copy)]
struct EpochBump {
    owner: NodeId,
    /// The lowest epoch that is replaced.
    from: Epoch,
    to: Epoch,
}

impl EpochBump {
    fn replaces(&self, lease: ShardLease) -> bool {
        self.owner == lease.owner && (self.from..self.to).contains(&lease.epoch)
    }
}

impl InDoubt {
    pub(super) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The lease under which an append is written: the one it was decided under, or the one that
    /// has replaced it here.
    pub(super) fn current(&self, lease: ShardLease) -> ShardLease {
        match self.bumps.get(&lease.shard) {
            Some(bump) if bump.replaces(lease) => ShardLease {
                epoch: bump.to,
                ..lease
            },
            _ => lease,
        }
    }

    /// Returns what the lost commit of `batch` would have returned. Retries until the deadlines of
    /// all its appends have passed. The batch was sent under the generation of `switches`: if the
    /// database has begun another one, its outcome stays unknown, since the line on which it was
    /// written may be gone.
    pub(super) async fn settle(
        &mut self,
        connection: &mut CommitterConnection,
        batch: &[Sequenced<'_>],
        switches: u64,
    ) -> Result<(), BatchError> {
        connection.disconnect();
        connection.set_in_doubt(true);
        for Sequenced { append, .. } in batch {
            let newest = self
                .shards
                .entry(append.lease.shard)
                .or_insert(append.lease);
            if newest.epoch < append.lease.epoch {
                *newest = append.lease;
            }
        }
        let deadlines = batch
            .iter()
            .map(|sequenced| sequenced.append.deadline.instant());
        let deadline = deadlines.max().map_or_else(Instant::now, Instant::from_std);
        let appends = batch.len();
        loop {
            let settled = self.try_settle(connection, batch).await;
            if connection.continuity().switches() != switches {
                return Err(generation_changed());
            }
            let failure = match settled {
                Ok(true) => {
                    info!(appends, "an in-doubt batch is in the journal");
                    return Ok(());
                }
                Ok(false) => {
                    info!(appends, "an in-doubt batch is not in the journal");
                    return Err(BatchError::Retry {
                        reason: "the connection to the database was lost".into(),
                        after: Duration::ZERO,
                    });
                }
                Err(failure) => failure,
            };
            let (reason, after) = match failure {
                BatchError::Retry { reason, after } => (reason, after),
                other => (format!("{other:?}"), Duration::ZERO),
            };
            if Instant::now() + after >= deadline {
                error!(%reason, appends, "a batch stays in doubt for now");
                return Err(BatchError::Failed {
                    reason,
                    certainly_not_written: false,
                });
            }
            connection.clock().begin(after);
            sleep(after).await;
        }
    }

    async fn try_settle(
        &mut self,
        connection: &mut CommitterConnection,
        batch: &[Sequenced<'_>],
    ) -> Result<bool, BatchError> {
        connection.reconnect().await?;
        self.resolve_in_doubt(connection).await?;
        is_written(connection, batch).await
    }

    /// Raises the epochs of all shards in which a lost batch may still be committed.
    pub(super) async fn resolve_in_doubt(
        &mut self,
        connection: &mut CommitterConnection,
    ) -> Result<(), BatchError> {
        if self.shards.is_empty() {
            return Ok(());
        }
        let (shards, owners): (Vec<i16>, Vec<_>) = self
            .shards
            .iter()
            .map(|(shard, lease)| (small(shard.0), *lease.owner.as_uuid()))
            .unzip();
        let switches = connection.continuity().switches();
        // A shard that another node has claimed is left out: that claim has waited for the batch,
        // too.
        let raising = sqlx::query(
            "UPDATE shard SET epoch = shard.epoch + 1
             FROM (SELECT shard.shard FROM shard JOIN unnest($1::int2[], $2::uuid[]) AS mine (shard, owner)
                    ON shard.shard = mine.shard AND shard.owner = mine.owner
                   ORDER BY shard.shard FOR UPDATE OF shard) AS mine
             WHERE shard.shard = mine.shard RETURNING shard.shard, shard.epoch",
        )
        .bind(shards)
        .bind(owners);
        connection.clock().begin(STEP_MAX);
        let raised = timeout(STEP_MAX, raising.fetch_all(connection.get())).await;
        if let Ok(Err(failure)) = &raised
            && classify(failure) == ErrorClass::Transient
        {
            // The old transaction holds its shards for longer than any batch takes: the message
            // that would end it was lost as well.
            connection.end_orphaned_sessions().await?;
            return Err(retry_soon(failure.to_string()));
        }
        let rows = connection.completed(raised)?;
        let raised = rows.iter().map(raised_epoch);
        let raised = raised.collect::<Result<Vec<_>, BatchError>>()?;
        let mut claims = Vec::with_capacity(raised.len());
        for (shard, to) in raised {
            // The present owner has the lease that the shard was acquired under. Older leases are
            // from before a release.
            let lease = self.shards[&shard];
            let ShardLease { owner, epoch, .. } = lease;
            let from = epoch;
            self.bumps.insert(shard, EpochBump { owner, from, to });
            claims.push(ShardLease { epoch: to, ..lease });
        }
        // They fence this node as any claim does, if they are lost.
        connection.continuity().note_claims(switches, &claims);
        self.shards.clear();
        connection.set_in_doubt(false);
        Ok(())
    }
}

/// Whether the events of a batch are in the journal: all of them are, or none. Looked up by their
/// own ids: another owner that was sent the same command meanwhile has written events of its own,
/// perhaps at the same positions.
async fn is_written(
    connection: &mut CommitterConnection,
    batch: &[Sequenced<'_>],
) -> Result<bool, BatchError> {
    let each = batch.iter();
    let shards: Vec<i16> = each.map(|s| small(s.append.lease.shard.0)).collect();
    let positions: Vec<i64> = batch.iter().map(|s| signed(s.first)).collect();
    let first_of = |s: &Sequenced<'_>| s.append.events.first().map(|(id, _)| *id.as_uuid());
    let events: Vec<_> = batch.iter().map(first_of).collect();
    let finding = sqlx::query(
        "SELECT count(*) FROM unnest($1::int2[], $2::int8[], $3::uuid[]) AS wanted (shard, position, event)
         JOIN journal ON journal.shard = wanted.shard AND journal.position = wanted.position
            AND journal.event_id = wanted.event",
    )
    .bind(shards)
    .bind(positions)
    .bind(events);
    connection.clock().begin(STEP_MAX);
    let row = timeout(STEP_MAX, finding.fetch_one(connection.get())).await;
    let row = connection.completed(row)?;
    let found: i64 = row
        .try_get(0)
        .map_err(|failure| retry_soon(failure.to_string()))?;
    assert!(
        found == 0 || found == signed(batch.len() as u64),
        "a batch is one statement: {found} of {} appends are in the journal",
        batch.len()
    );
    Ok(found > 0)
}

/// The result of a batch after whose sending the database has begun a new generation.
pub(super) fn generation_changed() -> BatchError {
    BatchError::Failed {
        reason: STARTS_OVER.into(),
        certainly_not_written: false,
    }
}

fn raised_epoch(row: &PgRow) -> Result<(ShardId, Epoch), BatchError> {
    let failed = |failure: sqlx::Error| retry_soon(failure.to_string());
    let shard: i16 = row.try_get(0).map_err(failed)?;
    let epoch: i64 = row.try_get(1).map_err(failed)?;
    Ok((ShardId(shard.cast_unsigned()), Epoch(epoch.cast_unsigned())))
}
