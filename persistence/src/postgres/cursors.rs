//! The cursors of projections on PostgreSQL.

use async_trait::async_trait;
use fritzy_domain::{Cursor, CursorMove, Cursors, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Postgres, QueryBuilder, Row};

use super::PostgresStore;
use super::batch_statement::small;
use super::config::PostgresError;
use super::schema::at_home;
use super::session::Server;
use super::unnest::Unnest;
use crate::desk::CursorTable;
use crate::rows::{Columns, cursor, read_error, signed};

/// Sets one by hand. The count tells its owner, who would save over it otherwise.
const SET: &str = "UPDATE projection_cursor SET position = $1, resets = resets + 1, stopped = NULL
    WHERE projection = $2 AND shard = $3";

#[async_trait]
impl Cursors for PostgresStore {
    async fn cursors(&self, projection: &str) -> Result<Vec<Cursor>, StorageError> {
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

/// Saves cursors under these leases, which stand beside them; answers the shards whose were not.
pub(super) async fn save(
    connection: &mut PgConnection,
    projection: &str,
    moves: &[(ShardLease, &Cursor)],
) -> Result<Vec<ShardId>, sqlx::Error> {
    let mut statement = QueryBuilder::<Postgres>::new("WITH wanted AS (SELECT * FROM unnest(");
    Unnest::new(&mut statement, moves)
        .column("int2[]", |(lease, _)| small(lease.shard.0))
        .column("uuid[]", |(lease, _)| *lease.owner.as_uuid())
        .column("int8[]", |(lease, _)| signed(lease.epoch.0))
        .column("int8[]", |(_, cursor)| signed(cursor.position))
        .column("int8[]", |(_, cursor)| signed(cursor.resets))
        .column("text[]", |(_, cursor)| cursor.stopped.clone());
    // The fence is that of a batch: a claim waits for this statement, or this one for the claim.
    statement
        .push(
            ") AS w (shard, owner, epoch, position, resets, stopped)
), held AS (
    SELECT wanted.* FROM wanted JOIN shard USING (shard)
    WHERE shard.owner = wanted.owner AND shard.epoch = wanted.epoch ORDER BY shard FOR SHARE OF shard
), saved AS (
    INSERT INTO projection_cursor AS kept (projection, shard, position, resets, stopped)
    SELECT ",
        )
        .push_bind(projection)
        .push(
            ", shard, position, resets, stopped FROM held
    ON CONFLICT (projection, shard) DO UPDATE SET position = excluded.position, stopped = excluded.stopped
    WHERE kept.resets = excluded.resets AND kept.position <= excluded.position
    RETURNING shard
)
SELECT shard FROM wanted WHERE shard NOT IN (SELECT shard FROM saved)",
        );
    let rows = statement.build().fetch_all(connection).await?;
    let shard = |row: &PgRow| Ok(ShardId(row.try_get::<i16, _>(0)?.cast_unsigned()));
    rows.iter().map(shard).collect()
}

/// The table by itself, for people.
struct Table(PgConnection);

#[async_trait]
impl CursorTable for Table {
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

    async fn close(self: Box<Self>) {
        let _ = self.0.close().await;
    }
}

/// Opens the table of a database that was looked at already.
pub(crate) async fn cursor_table(url: &str) -> Result<Box<dyn CursorTable>, PostgresError> {
    let server = Server::new(url, true)?;
    let mut connection = server
        .connect(&server.options("fritzy projections"))
        .await?;
    at_home(server, &mut connection).await?;
    Ok(Box::new(Table(connection)))
}
