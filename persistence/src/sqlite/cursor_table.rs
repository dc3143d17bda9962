//! The table of cursors on a connection of its own, for operators.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fritzy_domain::{Cursor, Generations, Position, TopicBinding};
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::error::{ReadOnlyError, unreadable};
use super::generations::{begin_in, newest, read_rows};
use super::options::connect_options;
use super::tail::event_source;
use super::topic_bindings::{find, location_of, replace};
use crate::adoption::TopicAdoption;
use crate::continuity::Cause;
use crate::cursor_admin::{CursorAdmin, CursorAdminError};
use crate::open_error::OpenError;
use crate::read_ports::CursorTable;
use crate::rows::{Columns, cursor, generations, read_error, signed, topic_binding};

impl CursorAdmin {
    /// Opens the cursors of a SQLite file.
    ///
    /// # Errors
    /// [`CursorAdminError::Open`] when the file is missing, is not a database of this version, or
    /// cannot be read.
    pub async fn open_sqlite(file: &Path) -> Result<Self, CursorAdminError> {
        let source = event_source(file).await.map_err(OpenError::from)?;
        match open_table(file).await {
            Ok(table) => Ok(Self::new(source, table)),
            Err(failure) => {
                source.close().await;
                Err(OpenError::from(failure).into())
            }
        }
    }
}

struct SqliteCursorTable {
    connection: SqliteConnection,
    file: PathBuf,
}

/// Opens the table of a file whose schema was checked already.
async fn open_table(file: &Path) -> Result<Box<dyn CursorTable>, ReadOnlyError> {
    let options = connect_options(file).create_if_missing(false);
    let connection = SqliteConnection::connect_with(&options).await;
    let connection = connection.map_err(|failure| unreadable(file, &failure.to_string()))?;
    Ok(Box::new(SqliteCursorTable {
        connection,
        file: file.to_owned(),
    }))
}

#[async_trait]
impl CursorTable for SqliteCursorTable {
    async fn all(&mut self) -> Result<Vec<(String, Cursor)>, StorageError> {
        let rows = sqlx::query("SELECT * FROM projection_cursor ORDER BY projection, shard")
            .fetch_all(&mut self.connection)
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
        .execute(&mut self.connection)
        .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }

    async fn generations(&mut self) -> Result<Generations, StorageError> {
        generations(&read_rows(&mut self.connection).await.map_err(read_error)?)
    }

    async fn location(&mut self) -> Result<String, StorageError> {
        location_of(&self.file)
    }

    async fn topic_binding(&mut self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        let row = find(&mut self.connection, topics)
            .await
            .map_err(read_error)?;
        row.as_ref().map(topic_binding).transpose()
    }

    async fn adopt(&mut self, adoption: &TopicAdoption) -> Result<bool, StorageError> {
        let adopting = async {
            let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            let found = newest(&mut transaction).await?;
            let TopicAdoption {
                topics,
                seen,
                tokens,
                beyond,
                kept,
            } = adoption;
            begin_in(&mut transaction, found, *beyond, &[], kept, Cause::Adopted).await?;
            let is_same = replace(&mut *transaction, *topics, seen, tokens, true).await?;
            match is_same {
                true => transaction.commit().await?,
                false => transaction.rollback().await?,
            }
            Ok(is_same)
        };
        adopting.await.map_err(read_error)
    }

    async fn close(self: Box<Self>) {
        let _ = self.connection.close().await;
    }
}
