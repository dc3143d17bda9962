//! Writing batches over one connection: each as one statement, and what to do when it fails.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, EventId, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

use super::batch_statement::{batch_statement, small};
use super::committer_connection::{CommitterConnection, retry_soon};
use super::continuity::STARTS_OVER;
use super::error_class::{ErrorClass, classify, requires_reconnect};
use super::save_cursors::save_cursors;
use super::server::{Server, Session};
use super::settle::{InDoubt, generation_changed};
use super::taken_references::{is_about_reference, taken_references};
use crate::committer::{BatchError, BatchStore, Sequenced, StepClock, creation_key, leases};
use crate::continuity::KnownHead;
use crate::rows::signed;

/// After this time without a result a batch is in doubt. The server ends a statement after 5 s; one
/// that sends no result for longer has stopped, or is unreachable.
const BATCH_MAX: Duration = Duration::from_secs(6);

/// The batches of one committer.
pub(super) struct PostgresBatches {
    connection: CommitterConnection,
    in_doubt: InDoubt,
}

impl PostgresBatches {
    pub(super) fn new(server: Server, session: Session) -> Self {
        Self {
            connection: CommitterConnection::new(server, session),
            in_doubt: InDoubt::default(),
        }
    }

    /// Makes sure that there is a connection, and that no batch is in doubt.
    async fn ready(&mut self) -> Result<(), BatchError> {
        self.connection.reconnect().await?;
        self.in_doubt.resolve_in_doubt(&mut self.connection).await
    }

    async fn write(&mut self, batch: &[Sequenced<'_>]) -> Result<Vec<ShardLease>, sqlx::Error> {
        let leases = leases(batch);
        let current: Vec<ShardLease> = leases
            .iter()
            .map(|lease| self.in_doubt.current(*lease))
            .collect();
        let mut statement = batch_statement(batch, &current);
        let connection = self.connection.get();
        let row = statement.build().fetch_one(connection).await?;
        let held: Option<Vec<i16>> = row.try_get(0)?;
        let held = held.unwrap_or_default();
        // Of two leases for one shard only the newest is held; the shard alone does not tell which.
        let newest = |lease: &ShardLease| {
            let same = current.iter().filter(|other| other.shard == lease.shard);
            same.map(|other| other.epoch).max() == Some(lease.epoch)
        };
        let is_held = |lease: &ShardLease| held.contains(&small(lease.shard.0)) && newest(lease);
        let fenced = leases.iter().zip(&current);
        let fenced: Vec<_> = fenced.filter(|(_, current)| !is_held(current)).collect();
        let refused = fenced.iter().map(|(_, current)| **current);
        self.connection.continuity().note_refused(refused);
        Ok(fenced.into_iter().map(|(lease, _)| *lease).collect())
    }

    /// Resolves a batch without a result, which was sent under a generation.
    async fn settle(&mut self, switches: u64, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        let settling = self.in_doubt.settle(&mut self.connection, batch, switches);
        settling.await?;
        self.written(switches, batch)
    }

    /// The result of a batch that was written. Under another generation it proves nothing: the
    /// database may have lost it since.
    fn written(&self, switches: u64, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        match self.connection.continuity().note_batch(switches, batch) {
            true => Ok(()),
            false => Err(generation_changed()),
        }
    }

    /// The indexes of the appends that conflict with a version or key that exists, or with a state
    /// row at another version.
    async fn find_conflicts(&mut self, batch: &[Sequenced<'_>]) -> Result<Vec<usize>, sqlx::Error> {
        let each = batch.iter();
        let shards: Vec<i16> = each.map(|n| small(n.append.lease.shard.0)).collect();
        let each = batch.iter();
        let ids: Vec<_> = each.map(|n| *n.append.entity.as_uuid()).collect();
        let each = batch.iter();
        let afters: Vec<i64> = each.map(|n| signed(n.append.expected_version)).collect();
        let keys: Vec<_> = batch.iter().map(|n| creation_key(n.append)).collect();
        let connection = self.connection.get();
        let rows = sqlx::query(
            "SELECT number FROM unnest($1::int2[], $2::uuid[], $3::int8[], $4::uuid[]) WITH ORDINALITY
                AS candidate (shard, id, after, creation_key, number)
             WHERE EXISTS (SELECT 1 FROM journal WHERE journal.shard = candidate.shard
                    AND journal.entity_id = candidate.id AND journal.version = candidate.after + 1)
                OR EXISTS (SELECT 1 FROM customer_order AS o WHERE o.creation_key = candidate.creation_key)
                OR candidate.after > 0
                    AND NOT EXISTS (SELECT 1 FROM account AS s WHERE s.id = candidate.id AND s.version = after)
                    AND NOT EXISTS (SELECT 1 FROM product AS s WHERE s.id = candidate.id AND s.version = after)
                    AND NOT EXISTS (SELECT 1 FROM customer_order AS s WHERE s.id = candidate.id
                        AND s.version = after)",
        )
        .bind(shards)
        .bind(ids)
        .bind(afters)
        .bind(keys)
        .fetch_all(connection)
        .await?;
        let index = |row: &PgRow| Ok(row.try_get::<i64, _>(0)? as usize - 1);
        rows.iter().map(index).collect()
    }

    /// Why a batch was refused because of its values. A key that exists goes before an external
    /// reference that is taken: the reference of a repeated creation is taken by its first use.
    async fn find_rejection(
        &mut self,
        batch: &[Sequenced<'_>],
        failure: &sqlx::Error,
    ) -> Result<BatchError, sqlx::Error> {
        let conflicts = self.find_conflicts(batch).await?;
        if !conflicts.is_empty() {
            return Ok(BatchError::Conflicts(conflicts));
        }
        let taken = taken_references(self.connection.get(), batch).await?;
        if !taken.is_empty() {
            return Ok(BatchError::ReferencesTaken(taken));
        }
        if is_about_reference(failure) {
            // It was freed since.
            return Ok(retry_soon(failure.to_string()));
        }
        Ok(BatchError::Rejected(failure.to_string()))
    }

    async fn rejection(&mut self, batch: &[Sequenced<'_>], failure: &sqlx::Error) -> BatchError {
        self.connection.clock().begin(BATCH_MAX);
        match timeout(BATCH_MAX, self.find_rejection(batch, failure)).await {
            Ok(Ok(rejection)) => rejection,
            // The rejected batch is not written, whatever the query returned.
            Ok(Err(_)) | Err(_) => {
                self.connection.disconnect();
                retry_soon(failure.to_string())
            }
        }
    }
}

#[async_trait]
impl BatchStore for PostgresBatches {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        self.ready().await?;
        let switches = self.connection.continuity().switches();
        let numbers: Vec<i16> = shards.iter().map(|shard| small(shard.0)).collect();
        self.connection.clock().begin(BATCH_MAX);
        let connection = self.connection.get();
        let reading = sqlx::query(
            "SELECT wanted.shard, coalesce(head.position, 0) AS position, head.event_id
             FROM unnest($1::int2[]) AS wanted (shard) LEFT JOIN LATERAL (
                SELECT position, event_id FROM journal WHERE journal.shard = wanted.shard
                ORDER BY position DESC LIMIT 1
             ) AS head ON true",
        )
        .bind(numbers)
        .fetch_all(connection);
        let rows = match timeout(BATCH_MAX, reading).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(failure)) => {
                self.connection.disconnect();
                return Err(retry_soon(failure.to_string()));
            }
            Err(_) => {
                self.connection.disconnect();
                return Err(retry_soon(sqlx::Error::PoolTimedOut.to_string()));
            }
        };
        let head = |row: &PgRow| {
            let (shard, position): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
            let event: Option<Uuid> = row.try_get(2)?;
            let shard = ShardId(shard.cast_unsigned());
            Ok((shard, position.cast_unsigned(), event))
        };
        let heads: Result<Vec<_>, sqlx::Error> = rows.iter().map(head).collect();
        let heads = heads.map_err(|failure| retry_soon(failure.to_string()))?;
        let seen = heads.iter().filter_map(|&(shard, position, event)| {
            let event = EventId::from_uuid(event?);
            Some(KnownHead {
                shard,
                position,
                event,
            })
        });
        let continuity = self.connection.continuity();
        if !continuity.note_read(switches, seen) {
            return Err(retry_soon(STARTS_OVER.into()));
        }
        let heads = heads.into_iter();
        Ok(heads
            .map(|(shard, position, _)| (shard, position))
            .collect())
    }

    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError> {
        let unavailable = |reason: String| StorageError::Unavailable(reason);
        let ready = self.ready().await;
        ready.map_err(|failure| unavailable(format!("{failure:?}")))?;
        let current = moves
            .iter()
            .map(|saved| (self.in_doubt.current(saved.lease), &saved.cursor));
        let current: Vec<(ShardLease, &Cursor)> = current.collect();
        self.connection.clock().begin(BATCH_MAX);
        let saving = save_cursors(self.connection.get(), projection, &current);
        match timeout(BATCH_MAX, saving).await {
            Ok(Ok(not_saved)) => Ok(not_saved),
            // Whether they were saved makes no difference: cursors only advance, and are saved
            // again.
            Ok(Err(failure)) => {
                if classify(&failure) == ErrorClass::ConnectionLost || requires_reconnect(&failure)
                {
                    self.connection.disconnect();
                }
                Err(unavailable(failure.to_string()))
            }
            Err(_) => {
                self.connection.disconnect();
                Err(unavailable("the database did not respond in time".into()))
            }
        }
    }

    fn clock(&self) -> StepClock {
        self.connection.clock().clone()
    }

    async fn ensure_resolved(&mut self) -> Result<(), BatchError> {
        if self.in_doubt.is_empty() {
            return Ok(());
        }
        self.ready().await
    }

    async fn close(self) {
        self.connection.close().await;
    }

    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        self.ready().await?;
        let switches = self.connection.continuity().switches();
        let severed = self.connection.severed();
        self.connection.clock().begin(BATCH_MAX);
        let written = tokio::select! {
            biased;
            written = timeout(BATCH_MAX, self.write(batch)) => written,
            () = severed => {
                warn!("the connection was given up during a commit; resolving the batch");
                return self.settle(switches, batch).await;
            }
        };
        let failure = match written {
            Ok(Ok(fenced)) if fenced.is_empty() => return self.written(switches, batch),
            Ok(Ok(fenced)) => return Err(BatchError::Fenced(fenced)),
            Ok(Err(failure)) => failure,
            Err(_) => {
                warn!("a batch has no result in time; resolving it");
                return self.settle(switches, batch).await;
            }
        };
        let class = classify(&failure);
        if class != ErrorClass::ConnectionLost && requires_reconnect(&failure) {
            self.connection.disconnect();
        }
        match class {
            ErrorClass::ConnectionLost => {
                warn!(%failure, "the connection was lost during a commit; resolving the batch");
                self.settle(switches, batch).await
            }
            ErrorClass::Transient => Err(retry_soon(failure.to_string())),
            ErrorClass::Rejected | ErrorClass::CheckFailed => {
                Err(self.rejection(batch, &failure).await)
            }
            ErrorClass::Permanent => Err(BatchError::Failed {
                reason: failure.to_string(),
                certainly_not_written: true,
            }),
        }
    }
}
