//! The cursors of projections on PostgreSQL.

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, StorageError};
use tracing::warn;

use super::batch_statement::small;
use super::read_pool::ReadPool;
use crate::committer::Committer;
use crate::rows::{Columns, STEPPED_BACK, cursor, read_error, signed};

/// Sets a cursor for an operator. The raised count stops the shard's owner from saving over it.
const SET: &str = "UPDATE projection_cursor SET position = $1, resets = resets + 1, stopped = NULL
    WHERE projection = $2 AND shard = $3";

/// Sets cursors back whose event is not the one at their position: the journal has another history
/// there. The generations tell where it may have begun; it is never behind that.
const STEP_BACK: &str = "UPDATE projection_cursor AS saved SET resets = resets + 1, stopped = NULL, event_id = NULL,
        position = coalesce((SELECT max(kept) FROM generation_shard AS start
            WHERE start.shard = saved.shard AND start.kept < saved.position), 0)
    WHERE projection = $1 AND event_position = position AND event_id IS DISTINCT FROM (
        SELECT event_id FROM journal WHERE journal.shard = saved.shard AND journal.position = saved.position)
        AND event_id IS NOT NULL
    RETURNING shard, position";

pub(super) struct PostgresCursors {
    reads: ReadPool,
    committer: Committer,
}

impl PostgresCursors {
    pub(super) const fn new(reads: ReadPool, committer: Committer) -> Self {
        Self { reads, committer }
    }
}

#[async_trait]
impl Cursors for PostgresCursors {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
        let step_back = async |pool| {
            let stepping = sqlx::query(STEP_BACK).bind(projection);
            stepping.fetch_all(&pool).await
        };
        for row in self.reads.run(step_back).await? {
            let (shard, position) = (row.shard()?, row.int("position")?);
            warn!(projection, shard, position, "{STEPPED_BACK}");
        }
        let read = async |pool| {
            sqlx::query("SELECT * FROM projection_cursor WHERE projection = $1 ORDER BY shard")
                .bind(projection)
                .fetch_all(&pool)
                .await
        };
        let rows = self.reads.run(read).await?;
        rows.iter().map(cursor).collect()
    }

    async fn save_cursors(
        &self,
        projection: &str,
        moves: Vec<CursorMove>,
    ) -> Result<Vec<ShardId>, StorageError> {
        self.committer.save_cursors(projection, moves).await
    }

    async fn set_cursor(
        &self,
        projection: &str,
        shard: ShardId,
        position: Position,
    ) -> Result<bool, StorageError> {
        let set = sqlx::query(SET)
            .bind(signed(position))
            .bind(projection)
            .bind(small(shard.0))
            .execute(self.reads.pool())
            .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }
}
