//! The events of a SQLite file, for a tail.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError};
use sqlx::SqliteConnection;

use super::journal::HEADS;
use super::read_only::{ReadOnly, ReadOnlyError};
use crate::rows::{heads, read_error, recorded, signed};
use crate::tail::EventSource;

struct SqliteEvents {
    file: ReadOnly,
    connection: SqliteConnection,
}

/// Opens the file for reading only.
pub(crate) async fn tail(file: &Path) -> Result<Box<dyn EventSource>, ReadOnlyError> {
    let (file, connection) = ReadOnly::open(file).await?;
    let (file, connection) = file.check(connection, &[]).await?;
    Ok(Box::new(SqliteEvents { file, connection }))
}

#[async_trait]
impl EventSource for SqliteEvents {
    async fn heads(&mut self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        let rows = sqlx::query(HEADS)
            .fetch_all(&mut self.connection)
            .await
            .map_err(read_error)?;
        heads(&rows)
    }

    async fn page(
        &mut self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM journal WHERE shard = ? AND position > ? ORDER BY position LIMIT ?",
        )
        .bind(shard.0)
        .bind(signed(after))
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(read_error)?;
        rows.iter().map(recorded).collect()
    }

    async fn at(
        &mut self,
        places: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let pairs = places.iter();
        let pairs: Vec<String> = pairs
            .map(|(shard, position)| format!("[{shard},{position}]"))
            .collect();
        // CROSS JOIN has SQLite go from the places to the journal, not the other way round.
        let rows = sqlx::query(
            "SELECT journal.* FROM json_each(?) AS place CROSS JOIN journal
             ON journal.shard = place.value ->> 0 AND journal.position = place.value ->> 1",
        )
        .bind(format!("[{}]", pairs.join(",")))
        .fetch_all(&mut self.connection)
        .await
        .map_err(read_error)?;
        rows.iter().map(recorded).collect()
    }

    async fn close(self: Box<Self>) {
        self.file.close(self.connection).await;
    }
}
