//! The events of a SQLite file as a source for tails.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError, Timestamp};
use sqlx::SqliteConnection;

use super::error::ReadOnlyError;
use super::journal::HEADS;
use super::read_only::{ReadOnly, UnknownSteps};
use crate::open_error::OpenError;
use crate::read_ports::EventSource;
use crate::rows::{heads, place, read_error, recorded, signed};
use crate::tail::{EventTail, TailError, TailFrom};

impl EventTail {
    /// Opens a SQLite file.
    ///
    /// # Errors
    /// [`TailError::Open`] when the file is missing, is not a database of this version, or cannot
    /// be read; the others when reading where to start fails.
    pub async fn open_sqlite(file: &Path, from: &TailFrom) -> Result<Self, TailError> {
        let source = event_source(file).await.map_err(OpenError::from)?;
        Self::over(source, from).await
    }
}

struct SqliteEvents {
    file: ReadOnly,
    connection: SqliteConnection,
}

/// Opens the file read-only.
pub(super) async fn event_source(file: &Path) -> Result<Box<dyn EventSource>, ReadOnlyError> {
    let (file, connection) = ReadOnly::open(file).await?;
    let (file, connection) = file.check(connection, &[], UnknownSteps::Accepted).await?;
    Ok(Box::new(SqliteEvents { file, connection }))
}

/// Places as a JSON array for `json_each`.
fn places(places: &[(ShardId, Position)]) -> String {
    let places = places.iter();
    let pairs: Vec<String> = places
        .map(|(shard, position)| format!("[{shard},{position}]"))
        .collect();
    format!("[{}]", pairs.join(","))
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

    /// A statement in this process costs little, so there is one for each shard.
    async fn pages(
        &mut self,
        behind: &[(ShardId, Position)],
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let mut events = Vec::new();
        for (shard, after) in behind {
            events.extend(self.page(*shard, *after, limit).await?);
        }
        Ok(events)
    }

    async fn at(
        &mut self,
        positions: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        // CROSS JOIN makes SQLite look up each position in the journal, not the other way round.
        let rows = sqlx::query(
            "SELECT journal.* FROM json_each(?) AS place CROSS JOIN journal
             ON journal.shard = place.value ->> 0 AND journal.position = place.value ->> 1",
        )
        .bind(places(positions))
        .fetch_all(&mut self.connection)
        .await
        .map_err(read_error)?;
        rows.iter().map(recorded).collect()
    }

    async fn first_since(
        &mut self,
        behind: &[(ShardId, Position)],
        since: Timestamp,
    ) -> Result<Vec<(ShardId, Position)>, StorageError> {
        let rows = sqlx::query(
            "SELECT place.value ->> 0 AS shard, first.position AS position FROM json_each(?) AS place
             JOIN journal AS first ON first.shard = place.value ->> 0 AND first.position = (
                SELECT position FROM journal
                WHERE journal.shard = place.value ->> 0 AND journal.position > place.value ->> 1
                    AND journal.payload ->> 'at' >= ?
                ORDER BY position LIMIT 1)",
        )
        .bind(places(behind))
        .bind(since.as_micros())
        .fetch_all(&mut self.connection)
        .await
        .map_err(read_error)?;
        rows.iter().map(place).collect()
    }

    async fn close(self: Box<Self>) {
        self.file.close(self.connection).await;
    }
}
