//! Writing one batch: fence, journal rows, state rows, sync; or nothing.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{CursorMove, EventId, Position};
use fritzy_types::{ShardId, StorageError};
use sqlx::{Row, SqliteConnection};
use tracing::warn;

use super::continuity::SqliteContinuity;
use super::damage::LastConnection;
use super::error::{WriteError, is_full, is_rejection};
use super::many_rows::ManyRows;
use super::order_listing::OrderListing;
use super::save_cursors::save_cursors;
use super::taken_references::taken_references;
use super::write_events::{check_fence, insert_events};
use super::write_states::write_states;
use crate::committer::{BatchError, BatchStore, Sequenced, creation_key, leases};
use crate::rows::signed;

/// The writer connection with its statements.
pub(super) struct SqliteBatches {
    connection: LastConnection,
    fence: ManyRows,
    journal: ManyRows,
    accounts: ManyRows,
    products: ManyRows,
    orders: ManyRows,
    existing: ManyRows,
    listing: OrderListing,
    /// Set when a sync has failed: what the log holds is unknown until the file is opened anew.
    broken: Option<String>,
    continuity: SqliteContinuity,
}

impl SqliteBatches {
    pub(super) fn new(
        connection: SqliteConnection,
        continuity: SqliteContinuity,
        listing: OrderListing,
    ) -> Self {
        Self {
            connection: LastConnection::new(connection, continuity.damage().clone()),
            continuity,
            listing,
            fence: ManyRows::new(
                "WITH lease (shard, owner, epoch) AS (VALUES",
                "(?, ?, ?)",
                ") SELECT lease.shard, lease.epoch FROM lease LEFT JOIN shard
                    ON shard.shard = lease.shard
                    AND shard.owner = lease.owner AND shard.epoch = lease.epoch
                   WHERE shard.shard IS NULL",
            ),
            // OR ROLLBACK: a rejected row ends the whole transaction. Otherwise SQLite would copy
            // each page before a statement changes it, to undo that statement alone, and into a
            // file of its own from 64 KiB on.
            journal: ManyRows::new(
                "INSERT OR ROLLBACK INTO journal (shard, position, entity_id, version, event_id, event_type,
                    payload, command_id, fingerprint) VALUES",
                "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            ),
            accounts: ManyRows::new(
                "INSERT OR ROLLBACK INTO account (id, version, created_at, name) VALUES",
                "(?, ?, ?, ?)",
                "",
            ),
            products: ManyRows::new(
                "INSERT OR ROLLBACK INTO product (id, version, created_at, name, description, price_minor,
                    currency) VALUES",
                "(?, ?, ?, ?, ?, ?, ?)",
                "",
            ),
            orders: ManyRows::new(
                "INSERT OR ROLLBACK INTO customer_order (id, version, created_at, account_id, status,
                    total_minor, currency, lines, cancel_reason, creation_key) VALUES",
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            ),
            existing: ManyRows::new(
                "WITH candidate (number, entity_id, version, creation_key) AS (VALUES",
                "(?, ?, ?, ?)",
                ") SELECT number FROM candidate
                   WHERE EXISTS (SELECT 1 FROM journal
                        WHERE journal.entity_id = candidate.entity_id
                        AND journal.version = candidate.version)
                   OR EXISTS (SELECT 1 FROM customer_order
                        WHERE customer_order.creation_key = candidate.creation_key)",
            ),
            broken: None,
        }
    }

    async fn write(&mut self, batch: &[Sequenced<'_>]) -> Result<(), WriteError> {
        let connection = &mut *self.connection;
        // Plain statements: on a full disk SQLite ends the transaction by itself. The library's own
        // count of open transactions does not notice, and it would never begin one again.
        let written = async {
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            check_fence(&self.fence, connection, &leases(batch)).await?;
            insert_events(&self.journal, connection, batch).await?;
            let new = (&self.accounts, &self.products, &self.orders);
            write_states(new, connection, batch).await?;
            let listed = self.listing.add_beside(connection, batch).await?;
            let committed = sqlx::query("COMMIT").execute(&mut *connection).await;
            committed.map(|_| listed).map_err(WriteError::Commit)
        };
        let written = written.await;
        if let Err(WriteError::Statement(failure) | WriteError::Commit(failure)) = &written {
            self.continuity.damage().note(failure);
        }
        match written {
            Ok(listed) => {
                self.listing.note_committed(listed, batch);
                Ok(())
            }
            Err(failure) => {
                // Fails if SQLite has rolled back already, as after a row that it rejected.
                let _ = sqlx::query("ROLLBACK").execute(&mut *self.connection).await;
                Err(failure)
            }
        }
    }

    /// As after a start on a full disk: only the journal has what is not listed.
    #[cfg(test)]
    pub(super) async fn forget_listed(&mut self) {
        let forgotten = self.listing.forget(&mut self.connection).await;
        forgotten.expect("reads");
    }

    /// Adds a slice of the orders that are not listed yet, or all of them.
    async fn list_orders(&mut self, all: bool) {
        if self.broken.is_some() {
            return;
        }
        if self.continuity.objection().is_some() {
            return self.listing.postpone();
        }
        let connection = &mut *self.connection;
        let listed = match all {
            true => self.listing.add_all(connection).await,
            false => self.listing.add_idle(connection).await,
        };
        let (Err(WriteError::Statement(failure)) | Err(WriteError::Commit(failure))) = &listed
        else {
            return;
        };
        warn!(%failure, "orders are not yet in the tables of their lists");
        self.continuity.damage().note(failure);
        if matches!(listed, Err(WriteError::Commit(_))) && !is_full(failure) {
            self.broken = Some(broken_by(failure));
        }
    }

    /// Why a batch was refused because of its values. A key that exists goes before an external
    /// reference that is taken: the reference of a repeated creation is taken by its first use.
    async fn rejection(&mut self, batch: &[Sequenced<'_>], failure: &sqlx::Error) -> BatchError {
        match self.find_conflicts(batch).await {
            Ok(conflicts) if !conflicts.is_empty() => return BatchError::Conflicts(conflicts),
            _ => {}
        }
        match taken_references(&mut self.connection, batch).await {
            Ok(taken) if !taken.is_empty() => BatchError::ReferencesTaken(taken),
            _ => BatchError::Rejected(failure.to_string()),
        }
    }

    /// The indexes of the appends that conflict with a version or a creation key that exists.
    async fn find_conflicts(&mut self, batch: &[Sequenced<'_>]) -> Result<Vec<usize>, sqlx::Error> {
        let candidates: Vec<_> = batch.iter().enumerate().collect();
        let mut conflicts = Vec::new();
        for (statement, run) in self.existing.cut(&candidates) {
            let mut query = sqlx::query(statement);
            for (number, Sequenced { append, .. }) in run {
                query = query
                    .bind(*number as i64)
                    .bind(*append.entity.as_uuid())
                    .bind(signed(append.expected_version + 1))
                    .bind(creation_key(append));
            }
            for row in query.fetch_all(&mut *self.connection).await? {
                conflicts.push(row.try_get::<i64, _>(0)? as usize);
            }
        }
        Ok(conflicts)
    }
}

#[async_trait]
impl BatchStore for SqliteBatches {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        let damage = self.continuity.damage().clone();
        let failed = |failure: sqlx::Error| {
            damage.note(&failure);
            BatchError::Failed {
                reason: failure.to_string(),
                certainly_not_written: true,
            }
        };
        if let Some(reason) = damage.objection() {
            return Err(BatchError::Failed {
                reason,
                certainly_not_written: true,
            });
        }
        let mut heads = HashMap::with_capacity(shards.len());
        for &shard in shards {
            let row = sqlx::query(
                "SELECT position, event_id FROM journal WHERE shard = ? ORDER BY position DESC LIMIT 1",
            )
            .bind(shard.0)
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(failed)?;
            let Some(row) = row else {
                heads.insert(shard, 0);
                continue;
            };
            let position: i64 = row.try_get(0).map_err(failed)?;
            let event = EventId::from_uuid(row.try_get(1).map_err(failed)?);
            self.continuity.note(shard, position.cast_unsigned(), event);
            heads.insert(shard, position.cast_unsigned());
        }
        Ok(heads)
    }

    async fn save_cursors(
        &mut self,
        projection: &str,
        moves: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError> {
        if let Some(reason) = &self.broken {
            return Err(StorageError::Unavailable(reason.clone()));
        }
        self.continuity.damage().refuse()?;
        let connection = &mut *self.connection;
        let saved = async {
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            let refused = save_cursors(connection, projection, moves).await?;
            let committed = sqlx::query("COMMIT").execute(&mut *connection).await;
            committed.map_err(WriteError::Commit)?;
            Ok(refused)
        };
        let saved = saved.await;
        if let Err(WriteError::Statement(failure) | WriteError::Commit(failure)) = &saved {
            self.continuity.damage().note(failure);
        }
        let failure = match saved {
            Ok(refused) => return Ok(refused),
            Err(WriteError::Commit(failure)) if !is_full(&failure) => {
                self.broken = Some(broken_by(&failure));
                failure.to_string()
            }
            Err(WriteError::Commit(failure) | WriteError::Statement(failure)) => {
                failure.to_string()
            }
            Err(WriteError::Fenced(_) | WriteError::Conflicts(_)) => {
                unreachable!("cursors are refused one by one")
            }
        };
        let _ = sqlx::query("ROLLBACK").execute(&mut *self.connection).await;
        Err(StorageError::Unavailable(failure))
    }

    fn idle_wait(&self) -> Option<Duration> {
        match self.broken {
            None => self.listing.idle_wait(),
            Some(_) => None,
        }
    }

    async fn use_idle_time(&mut self) {
        self.list_orders(false).await;
    }

    async fn close(mut self) {
        self.list_orders(true).await;
        // The last connection to be closed moves the log into the file, which is complete then.
        if let Err(failure) = self.connection.close().await {
            warn!(%failure, "the database was not closed gracefully; its log remains beside it");
        }
    }

    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        if let Some(reason) = &self.broken {
            return Err(BatchError::Failed {
                reason: reason.clone(),
                certainly_not_written: true,
            });
        }
        if let Some(reason) = self.continuity.objection() {
            return Err(BatchError::Failed {
                reason,
                certainly_not_written: true,
            });
        }
        match self.write(batch).await {
            Ok(()) => match self.continuity.objection() {
                None => {
                    self.continuity.note_batch(batch);
                    Ok(())
                }
                // Written into a file that is no longer the database, perhaps.
                Some(reason) => Err(BatchError::Failed {
                    reason,
                    certainly_not_written: false,
                }),
            },
            Err(WriteError::Fenced(leases)) => {
                self.continuity.note_refused(&leases);
                Err(BatchError::Fenced(leases))
            }
            Err(WriteError::Conflicts(indexes)) => Err(BatchError::Conflicts(indexes)),
            Err(WriteError::Statement(failure)) if is_rejection(&failure) => {
                Err(self.rejection(batch, &failure).await)
            }
            Err(WriteError::Statement(failure)) => Err(BatchError::Failed {
                reason: failure.to_string(),
                certainly_not_written: true,
            }),
            // The disk is full: without its end in the log the batch is not written, now or later.
            Err(WriteError::Commit(failure)) if is_full(&failure) => Err(BatchError::Failed {
                reason: failure.to_string(),
                certainly_not_written: true,
            }),
            Err(WriteError::Commit(failure)) => {
                // The log may hold the batch although SQLite gave it up. Whether it reached the
                // disk cannot be queried: the kernel reports a failed sync once. Only opening the
                // file anew tells.
                let reason = broken_by(&failure);
                self.broken = Some(reason.clone());
                Err(BatchError::Failed {
                    reason,
                    certainly_not_written: false,
                })
            }
        }
    }
}

fn broken_by(failure: &sqlx::Error) -> String {
    format!("a commit failed ({failure}); restart the node")
}
