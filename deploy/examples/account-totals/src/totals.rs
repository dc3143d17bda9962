//! The totals and the offsets in one database, so that they change atomically.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::message::{Change, Content, Marker, Message, OrderEvent};

/// `applied` has each event with an effect, so that it can be dropped if it turns out that it never
/// happened. The events of an order that is completed or cancelled could be deleted once the topic
/// has none of them any more. `kept` has the markers.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS read_up_to (partition_id INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS applied (
    order_id TEXT, version INTEGER,
    generation INTEGER NOT NULL, shard INTEGER NOT NULL, position INTEGER NOT NULL,
    account TEXT, currency TEXT, amount INTEGER, cancelled INTEGER NOT NULL,
    PRIMARY KEY (order_id, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS applied_by_shard ON applied (shard, position);
CREATE TABLE IF NOT EXISTS kept (
    generation INTEGER, shard INTEGER, position INTEGER NOT NULL, PRIMARY KEY (generation, shard)
) WITHOUT ROWID;
";

/// Whether a file was made by a version that did not keep the events.
const IS_OLD: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'placed'";

pub(crate) struct Totals(SqliteConnection);

impl Totals {
    /// Opens the file exclusively: two consumers on one file would count twice.
    pub(crate) async fn open(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .locking_mode(SqliteLockingMode::Exclusive)
            .synchronous(SqliteSynchronous::Full);
        let why = || {
            format!(
                "{} cannot be used (is another consumer using it?)",
                file.display()
            )
        };
        let mut connection = options.connect().await.with_context(why)?;
        // Acquires the lock, which is held until the connection is closed.
        let schema = format!("BEGIN EXCLUSIVE; {SCHEMA} COMMIT;");
        sqlx::raw_sql(sqlx::AssertSqlSafe(schema))
            .execute(&mut connection)
            .await
            .with_context(why)?;
        let old: i64 = sqlx::query_scalar(IS_OLD)
            .fetch_one(&mut connection)
            .await?;
        if old > 0 {
            bail!(
                "{} is of an earlier version; start again with an empty state",
                file.display()
            );
        }
        Ok(Self(connection))
    }

    /// The next offset of each partition.
    pub(crate) async fn read_up_to(&mut self) -> Result<HashMap<i32, i64>> {
        let rows = sqlx::query_as("SELECT partition_id, next_offset FROM read_up_to");
        let rows: Vec<(i32, i64)> = rows.fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().collect())
    }

    /// Applies messages, the next ones of their partitions, in one transaction.
    pub(crate) async fn apply(&mut self, messages: &[Message]) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        for message in messages {
            match &message.content {
                Content::Event(event) => apply_event(&mut transaction, event).await?,
                Content::Marker(marker) => apply_marker(&mut transaction, marker).await?,
            }
            let read = "INSERT INTO read_up_to VALUES (?, ?)
                ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset";
            sqlx::query(read)
                .bind(message.partition)
                .bind(message.offset + 1)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// `account currency total orders`, for each account and currency.
    pub(crate) async fn lines(&mut self) -> Result<Vec<String>> {
        let rows = sqlx::query_as(
            "SELECT account, currency, sum(amount), count(*) FROM applied AS placed WHERE amount IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM applied AS later WHERE later.order_id = placed.order_id AND later.cancelled)
             GROUP BY account, currency ORDER BY account, currency",
        );
        let rows: Vec<(String, String, i64, i64)> = rows.fetch_all(&mut self.0).await?;
        let lines = rows.into_iter().map(|(account, currency, amount, orders)| {
            format!("{account} {currency} {amount} minor units in {orders} orders")
        });
        Ok(lines.collect())
    }
}

/// Applies one event. A version that was processed already has no effect, nor has an event that a
/// later generation has dropped: a node of the earlier one may have sent it late.
async fn apply_event(connection: &mut SqliteConnection, event: &OrderEvent) -> Result<()> {
    let (account, currency, amount) = match &event.change {
        Change::Placed {
            account,
            currency,
            amount,
        } => (Some(account), Some(currency), Some(*amount)),
        Change::Cancelled => (None, None, None),
        Change::Other => return Ok(()),
    };
    let insert = "INSERT INTO applied SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
        WHERE NOT EXISTS (SELECT 1 FROM kept WHERE generation > ?3 AND shard = ?4 AND position < ?5)
        ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(&event.order)
        .bind(event.version)
        .bind(event.place.generation)
        .bind(event.place.shard)
        .bind(event.place.position)
        .bind(account)
        .bind(currency)
        .bind(amount)
        .bind(event.change == Change::Cancelled)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops the events that never happened. Each partition has its marker before the events of the
/// generation; those that follow the first have no further effect.
async fn apply_marker(connection: &mut SqliteConnection, marker: &Marker) -> Result<()> {
    for (shard, position) in &marker.shards {
        let insert = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(marker.generation)
            .bind(shard)
            .bind(position)
            .execute(&mut *connection)
            .await?;
        let drop = "DELETE FROM applied WHERE shard = ? AND position > ? AND generation < ?";
        sqlx::query(drop)
            .bind(shard)
            .bind(position)
            .bind(marker.generation)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
