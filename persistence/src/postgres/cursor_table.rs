//! The table of cursors on a connection of its own, for operators.

use async_trait::async_trait;
use fritzy_domain::{Cursor, Generations, Position, TopicBinding};
use fritzy_types::StorageError;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::batch_statement::small;
use super::error::PostgresError;
use super::generations::{begin_in, newest, read_all};
use super::schema::pin_schema;
use super::server::Server;
use super::tail::event_source;
use super::topic_bindings::{find, find_location, replace};
use crate::adoption::TopicAdoption;
use crate::continuity::Cause;
use crate::cursor_admin::{CursorAdmin, CursorAdminError};
use crate::open_error::OpenError;
use crate::read_ports::CursorTable;
use crate::rows::{Columns, cursor, generations, read_error, signed, topic_binding};

impl CursorAdmin {
    /// Opens the cursors of the database at `url` on a PostgreSQL server.
    ///
    /// # Errors
    /// [`CursorAdminError::Open`] when the server cannot be reached, rejects the connection, or its
    /// database is not one of this version.
    pub async fn open_postgres(url: &str) -> Result<Self, CursorAdminError> {
        let source = event_source(url).await.map_err(OpenError::from)?;
        let table = open_table(url).await.map_err(OpenError::from)?;
        Ok(Self::new(source, table))
    }
}

struct PostgresCursorTable(PgConnection);

/// Opens the table of a database whose schema was checked already.
async fn open_table(url: &str) -> Result<Box<dyn CursorTable>, PostgresError> {
    let server = Server::new(url, true)?;
    let mut connection = server
        .connect(&server.options("fritzy projections"))
        .await?;
    pin_schema(server, &mut connection).await?;
    Ok(Box::new(PostgresCursorTable(connection)))
}

#[async_trait]
impl CursorTable for PostgresCursorTable {
    async fn all(&mut self) -> Result<Vec<(String, Cursor)>, StorageError> {
        let rows = sqlx::query("SELECT * FROM projection_cursor ORDER BY projection, shard")
            .fetch_all(&mut self.0)
            .await
            .map_err(read_error)?;
        let named = |row: &PgRow| Ok((row.text("projection")?, cursor(row)?));
        rows.iter().map(named).collect()
    }

    async fn set(
        &mut self,
        projection: &str,
        read: &Cursor,
        position: Position,
    ) -> Result<bool, StorageError> {
        let set = sqlx::query(
            "UPDATE projection_cursor SET position = $1, resets = resets + 1, stopped = NULL
             WHERE projection = $2 AND shard = $3 AND position = $4 AND resets = $5",
        )
        .bind(signed(position))
        .bind(projection)
        .bind(small(read.shard.0))
        .bind(signed(read.position))
        .bind(signed(read.resets))
        .execute(&mut self.0)
        .await;
        Ok(set.map_err(read_error)?.rows_affected() > 0)
    }

    async fn generations(&mut self) -> Result<Generations, StorageError> {
        generations(&read_all(&mut self.0).await.map_err(read_error)?)
    }

    async fn location(&mut self) -> Result<String, StorageError> {
        let row = find_location(&mut self.0).await.map_err(read_error)?;
        row.text("location")
    }

    async fn topic_binding(&mut self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        let row = find(&mut self.0, topics).await.map_err(read_error)?;
        row.as_ref().map(topic_binding).transpose()
    }

    async fn adopt(&mut self, adoption: &TopicAdoption) -> Result<bool, StorageError> {
        let adopting = async {
            let mut transaction = self.0.begin().await?;
            let found = newest(&mut transaction).await?;
            let TopicAdoption {
                topics,
                seen,
                tokens,
                beyond,
                kept,
            } = adoption;
            let begun = begin_in(&mut transaction, found, *beyond, &[], kept, Cause::Adopted);
            let is_same = begun.await?.is_some()
                && replace(&mut *transaction, *topics, seen, tokens, true).await?;
            match is_same {
                true => transaction.commit().await?,
                false => transaction.rollback().await?,
            }
            Ok(is_same)
        };
        adopting.await.map_err(read_error)
    }

    async fn close(self: Box<Self>) {
        let _ = self.0.close().await;
    }
}
