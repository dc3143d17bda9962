//! The cursors of projections in a SQLite file.

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, StorageError};
use sqlx::SqlitePool;
use tracing::warn;

use super::reader::SqliteReader;
use crate::committer::Committer;
use crate::rows::{Columns, STEPPED_BACK, cursor, signed};

/// Sets a cursor for an operator. The raised count stops the shard's owner from saving over it.
const SET: &str = "UPDATE projection_cursor SET position = ?, resets = resets + 1, stopped = NULL
    WHERE projection = ? AND shard = ?";

/// Cursors whose event is not the one at their position: the journal has another history there.
const ASTRAY: &str = "SELECT shard FROM projection_cursor AS saved
    WHERE projection = ? AND event_position = position AND event_id IS NOT NULL AND event_id IS NOT (
        SELECT event_id FROM journal WHERE journal.shard = saved.shard AND journal.position = saved.position)
    LIMIT 1";
/// Sets them back. The generations tell where the other history may have begun; it is never behind
/// that.
const STEP_BACK: &str = "UPDATE projection_cursor AS saved SET resets = resets + 1, stopped = NULL, event_id = NULL,
        position = coalesce((SELECT max(kept) FROM generation_shard AS start
            WHERE start.shard = saved.shard AND start.kept < saved.position), 0)
    WHERE projection = ? AND event_position = position AND event_id IS NOT NULL AND event_id IS NOT (
        SELECT event_id FROM journal WHERE journal.shard = saved.shard AND journal.position = saved.position)
    RETURNING shard, position";

pub(super) struct SqliteCursors {
    reader: SqliteReader,
    /// For cursors set by operators; those of projections go through the committer.
    writer: SqlitePool,
    committer: Committer,
}

impl SqliteCursors {
    pub(super) const fn new(
        reader: SqliteReader,
        writer: SqlitePool,
        committer: Committer,
    ) -> Self {
        Self {
            reader,
            writer,
            committer,
        }
    }
}

#[async_trait]
impl Cursors for SqliteCursors {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
        let astray = sqlx::query(ASTRAY).bind(projection);
        let astray = astray.fetch_optional(self.reader.pool()?).await;
        if astray
            .map_err(|failure| self.reader.damage().read_error(failure))?
            .is_some()
        {
            let stepping = sqlx::query(STEP_BACK).bind(projection);
            let stepped = stepping.fetch_all(&self.writer).await;
            for row in stepped.map_err(|failure| self.reader.damage().read_error(failure))? {
                let (shard, position) = (row.shard()?, row.int("position")?);
                warn!(projection, shard, position, "{STEPPED_BACK}");
            }
        }
        let rows =
            sqlx::query("SELECT * FROM projection_cursor WHERE projection = ? ORDER BY shard")
                .bind(projection)
                .fetch_all(self.reader.pool()?)
                .await
                .map_err(|failure| self.reader.damage().read_error(failure))?;
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
        self.reader.damage().refuse()?;
        let set = sqlx::query(SET)
            .bind(signed(position))
            .bind(projection)
            .bind(shard.0)
            .execute(&self.writer)
            .await;
        Ok(set
            .map_err(|failure| self.reader.damage().read_error(failure))?
            .rows_affected()
            > 0)
    }
}
