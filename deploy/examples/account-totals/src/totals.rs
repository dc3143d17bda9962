//! The totals and the offsets in one database, so that they change atomically.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::message::{Change, Message};

/// `placed` has the last version and the amount of each order. Completed and cancelled orders could
/// be deleted once the topic has no event of them any more.
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

/// Applies one message. A version that was processed already has no effect.
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
            // An order placed before the first event of the topic is not in the table, and not
            // counted.
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
