//! Counts of lists, each by its index.

use async_trait::async_trait;
use fritzy_domain::{AccountId, COUNTED_MAX, ListCounts, OrderFilter, RowCount, UnlimitedBudget};
use fritzy_types::StorageError;
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;

use super::order_lists::bound;
use super::padded_rows::PaddedRows;
use super::read_model::SqliteReadModel;
use crate::order_lists::{Dialect, Plan, count, counted};
use crate::rows::{collect_rows, signed};

async fn one(
    read_model: &SqliteReadModel,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<RowCount, StorageError> {
    let reader = read_model.reader();
    let mut counts = Vec::new();
    let rows = reader.noted(query.fetch(reader.pool()?));
    collect_rows(&mut counts, rows, counted, &UnlimitedBudget).await?;
    Ok(counts
        .first()
        .map_or(RowCount::NONE, |count| count.up_to(COUNTED_MAX)))
}

/// Counts the orders of each account, up to a limit.
const COUNTS: PaddedRows = PaddedRows {
    head: "WITH wanted (number, id) AS (VALUES",
    row: "(?, ?)",
    tail: "), counts (number, looked_at) AS (SELECT number, (SELECT count(*) FROM
                (SELECT 1 FROM customer_order WHERE account_id = wanted.id LIMIT ?))
            FROM wanted WHERE id IS NOT NULL)
         SELECT looked_at, looked_at AS matching FROM counts ORDER BY number",
};

#[async_trait]
impl ListCounts for SqliteReadModel {
    async fn count_accounts(&self) -> Result<RowCount, StorageError> {
        let query = sqlx::query(
            "SELECT count(*) AS looked_at, count(*) AS matching FROM
                (SELECT 1 FROM account ORDER BY created_at, id LIMIT ?)",
        );
        one(self, query.bind(signed(COUNTED_MAX + 1))).await
    }

    async fn count_products(&self) -> Result<RowCount, StorageError> {
        let query = sqlx::query(
            "SELECT count(*) AS looked_at, count(*) AS matching FROM
                (SELECT 1 FROM product WHERE withdrawn = 0 ORDER BY created_at, id LIMIT ?)",
        );
        one(self, query.bind(signed(COUNTED_MAX + 1))).await
    }

    async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, StorageError> {
        match Plan::for_count(filter) {
            None => Ok(RowCount::NONE),
            Some(plan) => one(self, bound(&count(&plan, Dialect::Sqlite))).await,
        }
    }

    async fn count_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<RowCount>, StorageError> {
        let limit = RowCount::limit_of_each(accounts.len());
        let reader = self.reader();
        let mut counts = Vec::with_capacity(accounts.len());
        for (statement, run) in COUNTS.cut(accounts) {
            let mut query = sqlx::query(statement);
            for (number, account) in (0_i64..).zip(run) {
                let account = account.map(|account| *account.as_uuid());
                query = query.bind(number).bind(account);
            }
            let rows = query.bind(signed(limit + 1)).fetch(reader.pool()?);
            collect_rows(&mut counts, reader.noted(rows), counted, &UnlimitedBudget).await?;
        }
        Ok(counts.iter().map(|count| count.up_to(limit)).collect())
    }
}
