//! The cursors of projections in a SQLite file.

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, StorageError};
use sqlx::SqlitePool;

use super::reader::SqliteReader;
use crate::committer::Committer;
use crate::rows::{cursor, read_error, signed};

/// Sets a cursor for an operator. The raised count stops the shard's owner from saving over it.
const SET: &str = "UPDATE projection_cursor SET position = ?, resets = resets + 1, stopped = NULL
    WHERE projection = ? AND shard = ?";

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
        let rows =
            sqlx::query("SELECT * FROM projection_cursor WHERE projection = ? ORDER BY shard")
                .bind(projection)
                .fetch_all(self.reader.pool())
                .await
                .map_err(read_error)?;
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
            .bind(shard.0)
            .execute(&self.writer)
            .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }
}
