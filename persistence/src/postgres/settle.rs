//! Finding out what became of a batch whose answer was lost.
//!
//! Reading the journal alone proves nothing: the server may still be working on the batch, and commit it
//! after it was looked for. So the epochs of its shards are raised first. That waits for the old statement to
//! end, if it has begun, and makes its fence fail, if it has not. What is not in the journal then never will be.

use std::time::Duration;

use fritzy_types::{Epoch, ShardId, ShardLease};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::batch_statement::small;
use super::faults::{Fault, fault};
use super::write::{PostgresBatches, Raised};
use crate::committer::{BatchError, Numbered};
use crate::rows::signed;

/// One statement of a settlement at most; it waits for the old one, which the server ends after 5 s.
const STEP_MAX: Duration = Duration::from_secs(6);

impl PostgresBatches {
    /// Answers as the lost commit of `batch` would have. Goes on trying for as long as somebody waits.
    pub(super) async fn settle(&mut self, batch: &[Numbered<'_>]) -> Result<(), BatchError> {
        self.disconnect();
        for Numbered { append, .. } in batch {
            let newest = self
                .doubtful
                .entry(append.lease.shard)
                .or_insert(append.lease);
            if newest.epoch < append.lease.epoch {
                *newest = append.lease;
            }
        }
        let deadlines = batch
            .iter()
            .map(|numbered| numbered.append.deadline.instant());
        let deadline = deadlines.max().map_or_else(Instant::now, Instant::from_std);
        loop {
            let again = match self.try_settle(batch).await {
                Ok(true) => {
                    info!(
                        appends = batch.len(),
                        "a batch whose answer was lost is in the journal"
                    );
                    return Ok(());
                }
                Ok(false) => {
                    info!(
                        appends = batch.len(),
                        "a batch whose answer was lost is not in the journal"
                    );
                    return Err(BatchError::Again {
                        reason: "the connection to the database was lost".into(),
                        after: Duration::ZERO,
                    });
                }
                Err(again) => again,
            };
            let (reason, after) = match again {
                BatchError::Again { reason, after } => (reason, after),
                other => (format!("{other:?}"), Duration::ZERO),
            };
            if Instant::now() + after >= deadline {
                error!(%reason, appends = batch.len(), "what became of a batch stays unknown for now");
                return Err(BatchError::Failed {
                    reason,
                    certainly_not_written: false,
                });
            }
            sleep(after).await;
        }
    }

    async fn try_settle(&mut self, batch: &[Numbered<'_>]) -> Result<bool, BatchError> {
        self.reconnect().await?;
        self.dispel_doubts().await?;
        self.is_written(batch).await
    }

    /// Raises the epochs of all shards in which a lost batch may still land.
    pub(super) async fn dispel_doubts(&mut self) -> Result<(), BatchError> {
        if self.doubtful.is_empty() {
            return Ok(());
        }
        let (shards, owners): (Vec<i16>, Vec<_>) = self
            .doubtful
            .iter()
            .map(|(shard, lease)| (small(shard.0), *lease.owner.as_uuid()))
            .unzip();
        // A shard that somebody else has claimed is left alone: that claim has waited, too.
        let raising = sqlx::query(
            "UPDATE shard SET epoch = shard.epoch + 1
             FROM (SELECT shard.shard FROM shard JOIN unnest($1::int2[], $2::uuid[]) AS mine (shard, owner)
                    ON shard.shard = mine.shard AND shard.owner = mine.owner
                   ORDER BY shard.shard FOR UPDATE OF shard) AS mine
             WHERE shard.shard = mine.shard RETURNING shard.shard, shard.epoch",
        )
        .bind(shards)
        .bind(owners);
        let connection = self.connection();
        let raised = timeout(STEP_MAX, raising.fetch_all(connection)).await;
        if let Ok(Err(failure)) = &raised
            && fault(failure) == Fault::Passing
        {
            // The old transaction holds its shards for longer than any batch takes: the word that would end
            // it was lost as well.
            self.end_left_behind().await?;
            return Err(again(failure.to_string()));
        }
        for row in self.unless_failed(raised)? {
            let (shard, epoch): (i16, i64) = read(&row)?;
            let (shard, to) = (ShardId(shard.cast_unsigned()), Epoch(epoch.cast_unsigned()));
            // Whoever has the shard now holds the lease that it was taken under. Older ones are from before it was given back.
            let ShardLease { owner, epoch, .. } = self.doubtful[&shard];
            let from = epoch;
            self.raised.insert(shard, Raised { owner, from, to });
        }
        self.doubtful.clear();
        Ok(())
    }

    /// Has the server end the processes of lost connections that are still there: the one that was given the batch, and those
    /// that were lost while its shards were waited for.
    async fn end_left_behind(&mut self) -> Result<(), BatchError> {
        let left_behind = self.left_behind.iter().cloned();
        let (pids, started): (Vec<i32>, Vec<String>) = left_behind
            .map(|backend| (backend.pid, backend.started))
            .unzip();
        warn!(?pids, "ending what lost connections have left behind");
        let ending = sqlx::query(
            "SELECT pg_terminate_backend(there.pid) FROM pg_stat_activity AS there
             JOIN unnest($1::int4[], $2::text[]) AS lost (pid, started)
                ON there.pid = lost.pid AND there.backend_start::text = lost.started",
        )
        .bind(pids)
        .bind(started);
        let connection = self.connection();
        let ended = timeout(STEP_MAX, ending.fetch_all(connection)).await;
        self.unless_failed(ended).map(drop)
    }

    /// Whether the events of a batch are in the journal: all of them are, or none. By their own ids: another owner that was given
    /// the same command meanwhile has written events of its own, perhaps at the same positions.
    async fn is_written(&mut self, batch: &[Numbered<'_>]) -> Result<bool, BatchError> {
        let each = batch.iter();
        let shards: Vec<i16> = each.map(|n| small(n.append.lease.shard.0)).collect();
        let positions: Vec<i64> = batch.iter().map(|n| signed(n.first)).collect();
        let first_of = |n: &Numbered<'_>| n.append.events.first().map(|(id, _)| *id.as_uuid());
        let events: Vec<_> = batch.iter().map(first_of).collect();
        let looking = sqlx::query(
            "SELECT count(*) FROM unnest($1::int2[], $2::int8[], $3::uuid[]) AS wanted (shard, position, event)
             JOIN journal ON journal.shard = wanted.shard AND journal.position = wanted.position
                AND journal.event_id = wanted.event",
        )
        .bind(shards)
        .bind(positions)
        .bind(events);
        let connection = self.connection();
        let row = timeout(STEP_MAX, looking.fetch_one(connection)).await;
        let row = self.unless_failed(row)?;
        let found: i64 = row
            .try_get(0)
            .map_err(|failure| again(failure.to_string()))?;
        assert!(
            found == 0 || found == signed(batch.len() as u64),
            "a batch is one statement: {found} of {} appends are in the journal",
            batch.len()
        );
        Ok(found > 0)
    }

    fn unless_failed<T>(
        &mut self,
        result: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, BatchError> {
        let reason = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => "the database does not answer".into(),
        };
        self.disconnect();
        Err(again(reason))
    }
}

fn read(row: &PgRow) -> Result<(i16, i64), BatchError> {
    let failed = |failure: sqlx::Error| again(failure.to_string());
    Ok((
        row.try_get(0).map_err(failed)?,
        row.try_get(1).map_err(failed)?,
    ))
}

/// At once: connecting has its own waits.
fn again(reason: String) -> BatchError {
    BatchError::Again {
        reason,
        after: Duration::from_millis(10),
    }
}
