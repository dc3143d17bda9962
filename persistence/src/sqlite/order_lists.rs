//! The list of orders: the shared statements, and the times of orders from the journal.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{
    MemoryBudget, OrderFilter, OrderId, OrderListPage, OrderLists, OrderSlice, OrderTimes,
    UnlimitedBudget, Version,
};
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

use super::padded_rows::PaddedRows;
use super::read_model::SqliteReadModel;
use crate::order_lists::{
    self, Dialect, Parameter, Plan, looked_at, order_times, row_times, slice,
};
use crate::rows::{collect_rows, signed};

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// A statement with its values bound.
pub(super) fn bound(statement: &order_lists::Statement) -> Query {
    // The text has literals of this crate only.
    let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&statement.text)));
    for parameter in &statement.parameters {
        query = match *parameter {
            Parameter::Int(value) => query.bind(value),
            Parameter::Id(value) => query.bind(value),
            Parameter::Text(value) => query.bind(value),
        };
    }
    query
}

/// Both subqueries read the index of versions. A closed order may have later events.
const TIMES: PaddedRows = PaddedRows {
    head: "WITH wanted (number, id, version) AS (VALUES",
    row: "(?, ?, ?)",
    tail: ") SELECT
            (SELECT payload ->> 'at' FROM journal
             WHERE entity_id = wanted.id AND journal.version = wanted.version) AS updated_at,
            (SELECT payload ->> 'at' FROM journal
             WHERE entity_id = wanted.id AND journal.version <= wanted.version
                AND event_type IN ('order.completed', 'order.cancelled')
             ORDER BY journal.version DESC LIMIT 1) AS closed_at
         FROM wanted WHERE id IS NOT NULL ORDER BY number",
};

#[async_trait]
impl OrderLists for SqliteReadModel {
    async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, StorageError> {
        let mut rows = Vec::new();
        if let Some(plan) = Plan::of(filter, page.interval) {
            let statement = order_lists::page(&plan, page.take, page.from_end, Dialect::Sqlite);
            let reader = self.reader();
            let read = reader.noted(bound(&statement).fetch(reader.pool()?));
            collect_rows(&mut rows, read, looked_at, budget).await?;
        }
        Ok(slice(rows, &page))
    }

    async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
    ) -> Result<Vec<OrderTimes>, StorageError> {
        let mut rows = Vec::with_capacity(orders.len());
        let reader = self.reader();
        for (statement, run) in TIMES.cut(orders) {
            let mut query = sqlx::query(statement);
            for (number, order) in (0_i64..).zip(run) {
                query = query
                    .bind(number)
                    .bind(order.map(|(id, _)| *id.as_uuid()))
                    .bind(order.map(|(_, version)| signed(*version)));
            }
            let read = reader.noted(query.fetch(reader.pool()?));
            collect_rows(&mut rows, read, row_times, &UnlimitedBudget).await?;
        }
        order_times(orders, &rows)
    }
}
