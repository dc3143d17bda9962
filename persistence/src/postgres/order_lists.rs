//! The list of orders: the shared statements, and the times of orders from the journal.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{
    MemoryBudget, OrderFilter, OrderId, OrderListPage, OrderLists, OrderSlice, OrderTimes,
    UnlimitedBudget, Version,
};
use fritzy_types::StorageError;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::read_model::PostgresReadModel;
use super::read_pool::Statement;
use crate::order_lists::{
    self, Dialect, Parameter, Plan, looked_at, order_times, row_times, slice,
};
use crate::rows::signed;

/// Orders in one query for their times.
const ORDERS_IN_QUERY_MAX: usize = 1_000;

/// Both subqueries read the index of versions. A closed order may have later events.
const TIMES: &str = "SELECT
        (SELECT (payload ->> 'at')::bigint FROM journal
         WHERE shard = wanted.shard AND entity_id = wanted.id AND version = wanted.version) AS updated_at,
        (SELECT (payload ->> 'at')::bigint FROM journal
         WHERE shard = wanted.shard AND entity_id = wanted.id AND version <= wanted.version
            AND event_type IN ('order.completed', 'order.cancelled')
         ORDER BY version DESC LIMIT 1) AS closed_at
    FROM unnest($1::int2[], $2::uuid[], $3::int8[]) WITH ORDINALITY AS wanted (shard, id, version, number)
    ORDER BY wanted.number";

/// A statement with its values bound.
pub(super) fn bound(statement: &order_lists::Statement) -> Statement<'static> {
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

#[async_trait]
impl OrderLists for PostgresReadModel {
    async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, StorageError> {
        let Some(plan) = Plan::of(filter, page.interval) else {
            return Ok(slice(vec![], &page));
        };
        let statement = order_lists::page(&plan, page.take, page.from_end, Dialect::Postgres);
        let rows = self.reads().list(|| bound(&statement), looked_at, budget);
        Ok(slice(rows.await?, &page))
    }

    async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
    ) -> Result<Vec<OrderTimes>, StorageError> {
        let mut times = Vec::with_capacity(orders.len());
        for orders in orders.chunks(ORDERS_IN_QUERY_MAX) {
            let shards: Vec<i16> = orders.iter().map(|(id, _)| self.shard_of(*id)).collect();
            let ids: Vec<Uuid> = orders.iter().map(|(id, _)| *id.as_uuid()).collect();
            let versions: Vec<i64> = orders.iter().map(|(_, version)| signed(*version)).collect();
            let statement = || {
                sqlx::query(TIMES)
                    .bind(shards.clone())
                    .bind(ids.clone())
                    .bind(versions.clone())
            };
            let rows = self.reads().list(statement, row_times, &UnlimitedBudget);
            times.extend(order_times(orders, &rows.await?)?);
        }
        Ok(times)
    }
}
