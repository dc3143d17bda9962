//! The cursors of projections in a SQLite file.

use std::path::Path;

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, StorageError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};

use super::SqliteStore;
use super::open::connect_options;
use super::read_only::{ReadOnlyError, unreadable};
use crate::desk::CursorTable;
use crate::rows::{Columns, cursor, read_error, signed};

/// Sets one by hand. The count tells its owner, who would save over it otherwise.
const SET: &str = "UPDATE projection_cursor SET position = ?, resets = resets + 1, stopped = NULL
    WHERE projection = ? AND shard = ?";

#[async_trait]
impl Cursors for SqliteStore {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
        let rows =
            sqlx::query("SELECT * FROM projection_cursor WHERE projection = ? ORDER BY shard")
                .bind(projection)
                .fetch_all(self.reading())
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
            .execute(&self.claims)
            .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }
}

/// Saves cursors within a transaction; answers the shards whose were not.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    projection: &str,
    moves: &[CursorMove],
) -> Result<Vec<ShardId>, sqlx::Error> {
    let mut refused = Vec::new();
    for CursorMove { lease, cursor } in moves {
        let saved = sqlx::query(
            "INSERT INTO projection_cursor AS kept (projection, shard, position, resets, stopped)
             SELECT ?, shard, ?, ?, ? FROM shard WHERE shard = ? AND owner = ? AND epoch = ?
             ON CONFLICT (projection, shard) DO UPDATE SET position = excluded.position, stopped = excluded.stopped
             WHERE kept.resets = excluded.resets AND kept.position <= excluded.position",
        )
        .bind(projection)
        .bind(signed(cursor.position))
        .bind(signed(cursor.resets))
        .bind(cursor.stopped.as_deref())
        .bind(lease.shard.0)
        .bind(*lease.owner.as_uuid())
        .bind(signed(lease.epoch.0))
        .execute(&mut *connection)
        .await?;
        if saved.rows_affected() == 0 {
            refused.push(lease.shard);
        }
    }
    Ok(refused)
}

/// The table by itself, for people.
struct Table(SqliteConnection);

#[async_trait]
impl CursorTable for Table {
    async fn all(&mut self) -> Result<Vec<(String, Cursor)>, StorageError> {
        let rows = sqlx::query("SELECT * FROM projection_cursor ORDER BY projection, shard")
            .fetch_all(&mut self.0)
            .await
            .map_err(read_error)?;
        let named = |row: &SqliteRow| Ok((row.text("projection")?, cursor(row)?));
        rows.iter().map(named).collect()
    }

    async fn set(
        &mut self,
        projection: &str,
        read: &Cursor,
        position: Position,
    ) -> Result<bool, StorageError> {
        let set = sqlx::query(
            "UPDATE projection_cursor SET position = ?, resets = resets + 1, stopped = NULL
             WHERE projection = ? AND shard = ? AND position = ? AND resets = ?",
        )
        .bind(signed(position))
        .bind(projection)
        .bind(read.shard.0)
        .bind(signed(read.position))
        .bind(signed(read.resets))
        .execute(&mut self.0)
        .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }

    async fn close(self: Box<Self>) {
        let _ = self.0.close().await;
    }
}

/// Opens the table of a file that was looked at already.
pub(crate) async fn cursor_table(file: &Path) -> Result<Box<dyn CursorTable>, ReadOnlyError> {
    let options = connect_options(file).create_if_missing(false);
    let connection = SqliteConnection::connect_with(&options).await;
    let connection = connection.map_err(|failure| unreadable(file, &failure.to_string()))?;
    Ok(Box::new(Table(connection)))
}
