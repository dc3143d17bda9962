//! The events of a database on PostgreSQL as a source for tails.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError, Timestamp};
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::{Instant, sleep};

use super::batch_statement::small;
use super::error::PostgresError;
use super::error_class::{ErrorClass, classify};
use super::journal::HEADS;
use super::read_pool::Statement;
use super::schema::{check_usable, exists, pin_schema};
use super::server::{BY_KEYS, Server};
use super::session::SessionConfig;
use crate::backoff;
use crate::open_error::OpenError;
use crate::read_ports::EventSource;
use crate::rows::{heads, place, read_error, recorded, signed};
use crate::tail::{EventTail, TailError, TailFrom};

/// How long an unreachable server is waited for: a restart or a promotion takes seconds.
const AWAY_MAX: Duration = Duration::from_secs(60);

impl EventTail {
    /// Opens the database at `url` on a PostgreSQL server.
    ///
    /// # Errors
    /// [`TailError::Open`] when the server cannot be reached, rejects the connection, or its
    /// database is not one of this version; the others when reading where to start fails.
    pub async fn open_postgres(url: &str, from: &TailFrom) -> Result<Self, TailError> {
        let source = event_source(url).await.map_err(OpenError::from)?;
        Self::over(source, from).await
    }
}

struct PostgresEvents {
    server: Server,
    options: SessionConfig,
    connection: PgConnection,
}

fn options_of(server: &Server) -> SessionConfig {
    let options = server.options("fritzy events tail");
    let options = options.options([("default_transaction_read_only", "on")]);
    // Without statistics, as on a fresh table, each look-up would read all of it.
    options.options(BY_KEYS)
}

/// Opens a read-only connection.
pub(super) async fn event_source(url: &str) -> Result<Box<dyn EventSource>, PostgresError> {
    // A server that may lose commits can be read all the same.
    let server = Server::new(url, true)?;
    let options = options_of(&server);
    let mut connection = server.connect_first(Duration::ZERO, &options).await?;
    let server = pin_schema(server, &mut connection).await?;
    let options = options_of(&server);
    for table in ["meta", "_sqlx_migrations"] {
        if !exists(&server, &mut connection, table).await? {
            return Err(PostgresError::Foreign {
                server: server.name(),
            });
        }
    }
    check_usable(&server, &mut connection).await?;
    Ok(Box::new(PostgresEvents {
        server,
        options,
        connection,
    }))
}

impl PostgresEvents {
    /// Reads. Reconnects and retries while the server is unreachable or a standby, up to the limit:
    /// a read changes nothing.
    async fn rows<'q>(
        &mut self,
        statement: impl Fn() -> Statement<'q>,
    ) -> Result<Vec<PgRow>, StorageError> {
        let until = Instant::now() + AWAY_MAX;
        let mut delays = backoff::full_jitter();
        loop {
            let failure = match statement().fetch_all(&mut self.connection).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            if !matches!(
                classify(&failure),
                ErrorClass::ConnectionLost | ErrorClass::Transient
            ) || Instant::now() >= until
            {
                return Err(read_error(failure));
            }
            sleep(backoff::next_delay(&mut delays)).await;
            self.connection = loop {
                match self.server.connect(&self.options).await {
                    Ok(connection) => break connection,
                    Err(PostgresError::Unreachable { .. } | PostgresError::Standby { .. })
                        if Instant::now() < until =>
                    {
                        sleep(backoff::next_delay(&mut delays)).await;
                    }
                    Err(failure) => return Err(StorageError::Unavailable(failure.to_string())),
                }
            };
        }
    }
}

/// Places as two columns for `unnest`.
fn columns(places: &[(ShardId, Position)]) -> (Vec<i16>, Vec<i64>) {
    let column = |(shard, position): &(ShardId, Position)| (small(shard.0), signed(*position));
    places.iter().map(column).unzip()
}

#[async_trait]
impl EventSource for PostgresEvents {
    async fn heads(&mut self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        let rows = self.rows(|| sqlx::query(HEADS)).await?;
        heads(&rows)
    }

    async fn page(
        &mut self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let rows = self.rows(|| sqlx::query(
            "SELECT * FROM journal WHERE shard = $1 AND position > $2 ORDER BY position LIMIT $3",).bind(small(shard.0)).bind(signed(after)).bind(i64::from(limit))).await?;
        rows.iter().map(recorded).collect()
    }

    async fn pages(
        &mut self,
        behind: &[(ShardId, Position)],
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let (shards, positions) = columns(behind);
        let rows = self
            .rows(|| {
                sqlx::query(
            "SELECT page.* FROM unnest($1::smallint[], $2::bigint[]) AS place (shard, position)
             CROSS JOIN LATERAL (SELECT * FROM journal
                WHERE journal.shard = place.shard AND journal.position > place.position
                ORDER BY position LIMIT $3) AS page
             ORDER BY page.shard, page.position",).bind(&shards).bind(&positions).bind(i64::from(limit))
            })
            .await?;
        rows.iter().map(recorded).collect()
    }

    async fn at(
        &mut self,
        positions: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let (shards, positions) = columns(positions);
        let rows = self
            .rows(|| {
                sqlx::query(
            "SELECT journal.* FROM unnest($1::smallint[], $2::bigint[]) AS place (shard, position)
             JOIN journal USING (shard, position)",).bind(&shards).bind(&positions)
            })
            .await?;
        rows.iter().map(recorded).collect()
    }

    async fn first_since(
        &mut self,
        behind: &[(ShardId, Position)],
        since: Timestamp,
    ) -> Result<Vec<(ShardId, Position)>, StorageError> {
        let (shards, positions) = columns(behind);
        let since = since.as_micros();
        let rows = self
            .rows(|| {
                sqlx::query(
            "SELECT place.shard, first.position FROM unnest($1::smallint[], $2::bigint[]) AS place (shard, position)
             CROSS JOIN LATERAL (SELECT position FROM journal
                WHERE journal.shard = place.shard AND journal.position > place.position
                    AND (payload ->> 'at')::bigint >= $3
                ORDER BY position LIMIT 1) AS first",).bind(&shards).bind(&positions).bind(since)
            })
            .await?;
        rows.iter().map(place).collect()
    }

    async fn close(self: Box<Self>) {
        let _ = self.connection.close().await;
    }
}
