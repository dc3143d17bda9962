//! The totals, and how far the topic was read, in one database: they change together or not at all.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::message::{Change, Message};

/// `placed` remembers of each order which version was the last, and what it counts for. One that was completed or
/// cancelled could be forgotten once the topic does not hold it any more.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS read_up_to (partition_id INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS placed (
    order_id TEXT PRIMARY KEY, version INTEGER NOT NULL,
    account TEXT NOT NULL, currency TEXT NOT NULL, amount INTEGER NOT NULL, cancelled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS placed_by_account ON placed (account, currency);
";

pub(crate) struct Totals(SqliteConnection);

impl Totals {
    /// Opens the file for itself alone: two that count into it would count twice.
    pub(crate) async fn open(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .locking_mode(SqliteLockingMode::Exclusive)
            .synchronous(SqliteSynchronous::Full);
        let why = || {
            format!(
                "{} cannot be used (is another consumer on it?)",
                file.display()
            )
        };
        let mut connection = options.connect().await.with_context(why)?;
        // Takes the lock, and keeps it.
        let schema = format!("BEGIN EXCLUSIVE; {SCHEMA} COMMIT;");
        sqlx::raw_sql(sqlx::AssertSqlSafe(schema))
            .execute(&mut connection)
            .await
            .with_context(why)?;
        Ok(Self(connection))
    }

    /// The next offset of each partition.
    pub(crate) async fn read_up_to(&mut self) -> Result<HashMap<i32, i64>> {
        let rows = sqlx::query_as("SELECT partition_id, next_offset FROM read_up_to");
        let rows: Vec<(i32, i64)> = rows.fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().collect())
    }

    /// Counts these, which come next in their partitions.
    pub(crate) async fn apply(&mut self, messages: &[Message]) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        for message in messages {
            change(&mut transaction, message).await?;
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
            "SELECT account, currency, sum(amount), count(*) FROM placed WHERE cancelled = 0
             GROUP BY account, currency ORDER BY account, currency",
        );
        let rows: Vec<(String, String, i64, i64)> = rows.fetch_all(&mut self.0).await?;
        let lines = rows.into_iter().map(|(account, currency, amount, orders)| {
            format!("{account} {currency} {amount} minor units in {orders} orders")
        });
        Ok(lines.collect())
    }
}

/// A version that was passed has no effect: that is all it takes.
async fn change(connection: &mut SqliteConnection, message: &Message) -> Result<()> {
    match &message.change {
        Change::Placed {
            account,
            currency,
            amount,
        } => {
            let placed = "INSERT INTO placed VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING";
            sqlx::query(placed)
                .bind(&message.order)
                .bind(message.version)
                .bind(account)
                .bind(currency)
                .bind(amount)
                .execute(connection)
                .await?;
        }
        later => {
            // An order that was placed before the topic begins is not there, and counts for nothing.
            let moved = "UPDATE placed SET version = ?2, cancelled = cancelled OR ?3
                WHERE order_id = ?1 AND version < ?2";
            sqlx::query(moved)
                .bind(&message.order)
                .bind(message.version)
                .bind(*later == Change::Cancelled)
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}
