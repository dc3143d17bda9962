//! Writing batches over one connection: each as one statement, and what to do when it fails.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_types::{Epoch, NodeId, ShardId, ShardLease, StorageError};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::batch_statement::{batch_statement, small};
use super::cursors;
use super::faults::{Fault, fault, spoils_connection};
use super::session::{Backend, Server, Session};
use crate::backoff::Backoff;
use crate::committer::{BatchError, BatchStore, Numbered, creation_key, leases};
use crate::rows::signed;

/// A batch that has not been answered by then is taken for lost. The server ends a statement after 5 s; one
/// that does not answer for longer has stopped, or is out of reach.
const BATCH_MAX: Duration = Duration::from_secs(6);
/// Before a batch that met a deadlock or a lock is tried again: the other one needs some milliseconds.
const AGAIN_AFTER: Duration = Duration::from_millis(10);
/// Lost sessions that are remembered: each may hold what the next one waits for.
const LEFT_BEHIND_MAX: usize = 16;

/// One committer's connection, and what it must remember across connections.
pub(super) struct PostgresBatches {
    pub(super) server: Server,
    pub(super) session: Option<Session>,
    /// Of sessions that were lost, the oldest first; they may still be at work. Those before it are of no interest once there is
    /// no doubt.
    pub(super) left_behind: Vec<Backend>,
    backoff: Backoff,
    /// No connection is tried before.
    next_try: Instant,
    /// Shards in which a lost batch may still land: their epochs must be raised before anything else is
    /// read or written there. With the newest lease of that batch.
    pub(super) doubtful: HashMap<ShardId, ShardLease>,
    /// Epochs raised here, with the lease they replace: whoever holds that one goes on under the new one.
    pub(super) raised: HashMap<ShardId, Raised>,
}

/// An epoch that this committer has raised by itself.
#[derive(Clone, Copy)]
pub(super) struct Raised {
    pub(super) owner: NodeId,
    /// The lowest epoch that counts as the new one.
    pub(super) from: Epoch,
    pub(super) to: Epoch,
}

impl PostgresBatches {
    pub(super) fn new(server: Server, session: Session) -> Self {
        Self {
            server,
            session: Some(session),
            left_behind: Vec::new(),
            backoff: Backoff::default(),
            next_try: Instant::now(),
            doubtful: HashMap::new(),
            raised: HashMap::new(),
        }
    }

    /// Makes sure that there is a connection, and no doubt about what earlier ones left.
    async fn ready(&mut self) -> Result<(), BatchError> {
        self.reconnect().await?;
        self.dispel_doubts().await
    }

    /// Connects where there is no connection.
    pub(super) async fn reconnect(&mut self) -> Result<(), BatchError> {
        if self.session.is_some() && self.server.is_unsafe_now() {
            // The next one is refused for as long as that is so.
            self.disconnect();
        }
        if self.session.is_some() {
            return Ok(());
        }
        let now = Instant::now();
        if now < self.next_try {
            return Err(BatchError::Again {
                reason: "the database is out of reach".into(),
                after: self.next_try - now,
            });
        }
        match self.server.committer().await {
            Ok(session) => {
                info!(database = %self.server.name(), "connected again");
                self.session = Some(session);
                self.backoff = Backoff::default();
                Ok(())
            }
            Err(failure) => {
                let after = self.backoff.next();
                self.next_try = Instant::now() + after;
                let reason = failure.to_string();
                Err(BatchError::Again { reason, after })
            }
        }
    }

    /// The connection, once [`Self::reconnect`] has said that there is one.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.session.as_mut().expect("connected").connection
    }

    /// Gives the connection up. What was asked over it may still be done.
    pub(super) fn disconnect(&mut self) {
        if let Some(session) = self.session.take() {
            if self.doubtful.is_empty() {
                self.left_behind.clear();
            }
            // The first was given the batch; those behind it were only waiting.
            if self.left_behind.len() == LEFT_BEHIND_MAX {
                self.left_behind.remove(1);
            }
            self.left_behind.push(session.backend);
        }
    }

    /// The lease under which an append is written: the one it was decided under, or the one that this
    /// committer has made of it.
    fn current(&self, lease: ShardLease) -> ShardLease {
        match self.raised.get(&lease.shard) {
            Some(raised)
                if raised.owner == lease.owner
                    && (raised.from..raised.to).contains(&lease.epoch) =>
            {
                ShardLease {
                    epoch: raised.to,
                    ..lease
                }
            }
            _ => lease,
        }
    }

    async fn write(&mut self, batch: &[Numbered<'_>]) -> Result<Vec<ShardLease>, sqlx::Error> {
        let leases = leases(batch);
        let current: Vec<ShardLease> = leases.iter().map(|lease| self.current(*lease)).collect();
        let mut statement = batch_statement(batch, &current);
        let connection = self.connection();
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
        Ok(fenced
            .filter(|(_, current)| !is_held(current))
            .map(|(lease, _)| *lease)
            .collect())
    }

    /// Which appends of a batch meet a version or a key that exists, or a state row at another version.
    async fn find_conflicts(&mut self, batch: &[Numbered<'_>]) -> Result<Vec<usize>, sqlx::Error> {
        let each = batch.iter();
        let shards: Vec<i16> = each.map(|n| small(n.append.lease.shard.0)).collect();
        let each = batch.iter();
        let ids: Vec<_> = each.map(|n| *n.append.entity.as_uuid()).collect();
        let each = batch.iter();
        let afters: Vec<i64> = each.map(|n| signed(n.append.expected_version)).collect();
        let keys: Vec<_> = batch.iter().map(|n| creation_key(n.append)).collect();
        let connection = self.connection();
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
        let index = |row: &sqlx::postgres::PgRow| Ok(row.try_get::<i64, _>(0)? as usize - 1);
        rows.iter().map(index).collect()
    }

    async fn refused(&mut self, batch: &[Numbered<'_>], failure: &sqlx::Error) -> BatchError {
        match timeout(BATCH_MAX, self.find_conflicts(batch)).await {
            Ok(Ok(conflicts)) if !conflicts.is_empty() => BatchError::Conflicts(conflicts),
            Ok(Ok(_)) => BatchError::Refused(failure.to_string()),
            // The refused batch is absent whatever became of the look-up.
            Ok(Err(_)) | Err(_) => {
                self.disconnect();
                again(failure)
            }
        }
    }
}

fn again(failure: &sqlx::Error) -> BatchError {
    BatchError::Again {
        reason: failure.to_string(),
        after: AGAIN_AFTER,
    }
}

#[async_trait]
impl BatchStore for PostgresBatches {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        self.ready().await?;
        let numbers: Vec<i16> = shards.iter().map(|shard| small(shard.0)).collect();
        let connection = self.connection();
        let reading = sqlx::query(
            "SELECT wanted.shard, coalesce((SELECT position FROM journal WHERE journal.shard = wanted.shard
                ORDER BY position DESC LIMIT 1), 0)
             FROM unnest($1::int2[]) AS wanted (shard)",
        )
        .bind(numbers)
        .fetch_all(connection);
        let rows = match timeout(BATCH_MAX, reading).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(failure)) => {
                self.disconnect();
                return Err(again(&failure));
            }
            Err(_) => {
                self.disconnect();
                return Err(again(&sqlx::Error::PoolTimedOut));
            }
        };
        let head = |row: &sqlx::postgres::PgRow| {
            let (shard, position): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((ShardId(shard.cast_unsigned()), position.cast_unsigned()))
        };
        let heads: Result<_, sqlx::Error> = rows.iter().map(head).collect();
        heads.map_err(|failure| again(&failure))
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
            .map(|saved| (self.current(saved.lease), &saved.cursor));
        let current: Vec<(ShardLease, &Cursor)> = current.collect();
        let saving = cursors::save(self.connection(), projection, &current);
        match timeout(BATCH_MAX, saving).await {
            Ok(Ok(refused)) => Ok(refused),
            // What was saved or was not is as good: cursors only go forward, and are saved again.
            Ok(Err(failure)) => {
                if fault(&failure) == Fault::Lost || spoils_connection(&failure) {
                    self.disconnect();
                }
                Err(unavailable(failure.to_string()))
            }
            Err(_) => {
                self.disconnect();
                Err(unavailable("the database did not answer in time".into()))
            }
        }
    }

    async fn be_certain(&mut self) -> Result<(), BatchError> {
        if self.doubtful.is_empty() {
            return Ok(());
        }
        self.ready().await
    }

    async fn close(self) {
        if let Some(session) = self.session {
            // The server notices a closed connection anyway.
            let _ = session.connection.close().await;
        }
    }

    async fn commit(&mut self, batch: &[Numbered<'_>]) -> Result<(), BatchError> {
        self.ready().await?;
        let failure = match timeout(BATCH_MAX, self.write(batch)).await {
            Ok(Ok(fenced)) if fenced.is_empty() => return Ok(()),
            Ok(Ok(fenced)) => return Err(BatchError::Fenced(fenced)),
            Ok(Err(failure)) => failure,
            Err(_) => {
                warn!("a batch was not answered in time; finding out what became of it");
                return self.settle(batch).await;
            }
        };
        let fault = fault(&failure);
        if fault != Fault::Lost && spoils_connection(&failure) {
            self.disconnect();
        }
        match fault {
            Fault::Lost => {
                warn!(%failure, "the connection was lost during a commit; finding out what became of it");
                self.settle(batch).await
            }
            Fault::Passing => Err(again(&failure)),
            Fault::Refused | Fault::CheckFailed => Err(self.refused(batch, &failure).await),
            Fault::Failed => Err(BatchError::Failed {
                reason: failure.to_string(),
                certainly_not_written: true,
            }),
        }
    }
}
