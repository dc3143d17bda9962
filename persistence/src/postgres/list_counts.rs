//! Counts of lists, each by its index.

use async_trait::async_trait;
use fritzy_domain::{AccountId, COUNTED_MAX, ListCounts, OrderFilter, RowCount, UnlimitedBudget};
use fritzy_types::StorageError;

use super::order_lists::bound;
use super::read_model::{PostgresReadModel, uuids};
use super::read_pool::Statement;
use crate::order_lists::{Dialect, Plan, count, counted};
use crate::rows::signed;

async fn one<'q>(
    read_model: &PostgresReadModel,
    statement: impl Fn() -> Statement<'q>,
) -> Result<RowCount, StorageError> {
    let rows = read_model
        .reads()
        .list(statement, counted, &UnlimitedBudget);
    let counts = rows.await?;
    Ok(counts
        .first()
        .map_or(RowCount::NONE, |count| count.up_to(COUNTED_MAX)))
}

#[async_trait]
impl ListCounts for PostgresReadModel {
    async fn count_accounts(&self) -> Result<RowCount, StorageError> {
        let statement = || {
            sqlx::query(
                "SELECT count(*) AS looked_at, count(*) AS matching FROM
                    (SELECT 1 FROM account ORDER BY created_at, id LIMIT $1) AS looked",
            )
            .bind(signed(COUNTED_MAX + 1))
        };
        one(self, statement).await
    }

    async fn count_products(&self) -> Result<RowCount, StorageError> {
        let statement = || {
            sqlx::query(
                "SELECT count(*) AS looked_at, count(*) AS matching FROM
                    (SELECT 1 FROM product WHERE NOT withdrawn ORDER BY created_at, id LIMIT $1) AS looked",
            )
            .bind(signed(COUNTED_MAX + 1))
        };
        one(self, statement).await
    }

    async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, StorageError> {
        let Some(plan) = Plan::for_count(filter) else {
            return Ok(RowCount::NONE);
        };
        let statement = count(&plan, Dialect::Postgres);
        one(self, || bound(&statement)).await
    }

    async fn count_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<RowCount>, StorageError> {
        let limit = RowCount::limit_of_each(accounts.len());
        let statement = || {
            sqlx::query(
                "SELECT counts.rows AS looked_at, counts.rows AS matching
                 FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, number) CROSS JOIN LATERAL
                    (SELECT count(*) AS rows FROM
                        (SELECT 1 FROM customer_order WHERE account_id = wanted.id LIMIT $2) AS looked
                    ) AS counts
                 ORDER BY wanted.number",
            )
            .bind(uuids(accounts))
            .bind(signed(limit + 1))
        };
        let rows = self.reads().list(statement, counted, &UnlimitedBudget);
        let rows = rows.await?;
        Ok(rows.iter().map(|count| count.up_to(limit)).collect())
    }
}
