//! The events of a database on PostgreSQL, for a tail.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use tokio::time::{Instant, sleep};

use super::batch_statement::small;
use super::config::PostgresError;
use super::faults::{Fault, fault};
use super::journal::HEADS;
use super::reads::Statement;
use super::schema::{at_home, check_usable, exists};
use super::session::Server;
use crate::backoff::Backoff;
use crate::rows::{heads, read_error, recorded, signed};
use crate::tail::EventSource;

/// A server that went away is waited for so long: a restart or a promotion takes seconds.
const AWAY_MAX: Duration = Duration::from_secs(60);

struct PostgresEvents {
    server: Server,
    options: PgConnectOptions,
    connection: PgConnection,
}

fn options_of(server: &Server) -> PgConnectOptions {
    let options = server.options("fritzy events tail");
    options.options([("default_transaction_read_only", "on")])
}

/// Opens a connection that only reads.
pub(crate) async fn tail(url: &str) -> Result<Box<dyn EventSource>, PostgresError> {
    // What a server may lose is no reason not to look at what it has.
    let server = Server::new(url, true)?;
    let options = options_of(&server);
    let mut connection = server.connect(&options).await?;
    let server = at_home(server, &mut connection).await?;
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
    /// Reads, again with a new connection where the server was lost or is a standby just now, until it has been away for
    /// too long: a read changes nothing.
    async fn rows<'q>(
        &mut self,
        statement: impl Fn() -> Statement<'q>,
    ) -> Result<Vec<PgRow>, StorageError> {
        let until = Instant::now() + AWAY_MAX;
        let mut backoff = Backoff::default();
        loop {
            let failure = match statement().fetch_all(&mut self.connection).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            if !matches!(fault(&failure), Fault::Lost | Fault::Passing) || Instant::now() >= until {
                return Err(read_error(failure));
            }
            sleep(backoff.next()).await;
            self.connection = loop {
                match self.server.connect(&self.options).await {
                    Ok(connection) => break connection,
                    Err(PostgresError::Unreachable { .. } | PostgresError::Standby { .. })
                        if Instant::now() < until =>
                    {
                        sleep(backoff.next()).await;
                    }
                    Err(failure) => return Err(StorageError::Unavailable(failure.to_string())),
                }
            };
        }
    }
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

    async fn at(
        &mut self,
        places: &[(ShardId, Position)],
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let shards: Vec<i16> = places.iter().map(|(shard, _)| small(shard.0)).collect();
        let positions: Vec<i64> = places
            .iter()
            .map(|(_, position)| signed(*position))
            .collect();
        let rows = self
            .rows(|| {
                sqlx::query(
            "SELECT journal.* FROM unnest($1::smallint[], $2::bigint[]) AS place (shard, position)
             JOIN journal USING (shard, position)",).bind(&shards).bind(&positions)
            })
            .await?;
        rows.iter().map(recorded).collect()
    }

    async fn close(self: Box<Self>) {
        let _ = self.connection.close().await;
    }
}
