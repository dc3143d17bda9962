//! The state rows, by id and in lists.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, ExternalReference, HeapSize, KeysetPage, Kind,
    MemoryBudget, Order, OrderId, Page, Product, ReadModel, State, Stored, UnlimitedBudget,
};
use fritzy_types::{ShardCount, StorageError};
use sqlx::Row;
use uuid::Uuid;

use super::batch_statement::small;
use super::read_pool::{ReadPool, ReadRow, Statement};
use crate::rows::{
    account, micros, of_kind, order, orders_by_account, product, read_error, signed, state,
};

/// The state rows of one server, or of a replica with the primary behind it.
pub(super) struct PostgresReadModel {
    reads: ReadPool,
    shards: ShardCount,
}

impl PostgresReadModel {
    pub(super) const fn new(reads: ReadPool, shards: ShardCount) -> Self {
        Self { reads, shards }
    }

    pub(super) const fn reads(&self) -> &ReadPool {
        &self.reads
    }

    /// The shard of an order, as its column has it.
    pub(super) fn shard_of(&self, order: OrderId) -> i16 {
        small(self.shards.shard_of(order.slot()).0)
    }

    async fn load_kind<T: HeapSize>(
        &self,
        statement: &'static str,
        ids: Vec<Uuid>,
        read: ReadRow<Stored<T>>,
        any: fn(T) -> State,
        found: &mut HashMap<EntityId, Stored<State>>,
    ) -> Result<(), StorageError> {
        if ids.is_empty() {
            return Ok(());
        }
        let statement = || sqlx::query(statement).bind(ids.clone());
        for Stored { version, state } in self.reads.list(statement, read, &UnlimitedBudget).await? {
            let state = any(state);
            found.insert(state.id(), Stored { version, state });
        }
        Ok(())
    }

    async fn offset_page<T: HeapSize>(
        &self,
        statement: &'static str,
        page: Page,
        read: ReadRow<Stored<T>>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let statement = || {
            sqlx::query(statement)
                .bind(i64::from(page.take))
                .bind(signed(page.skip))
        };
        self.reads.list(statement, read, budget).await
    }

    /// Reads a page by one of two statements: from the start of the list, or from its end.
    async fn keyset_page<T: HeapSize>(
        &self,
        statements: [&'static str; 2],
        page: KeysetPage,
        read: ReadRow<Stored<T>>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut list = self
            .reads
            .list(|| keyset_statement(statements, page), read, budget)
            .await?;
        if page.from_end {
            list.reverse();
        }
        Ok(list)
    }
}

/// The statement of the pair for a page, with its limit and keys as the first values.
fn keyset_statement(
    [from_start, from_end]: [&'static str; 2],
    page: KeysetPage,
) -> Statement<'static> {
    let statement = if page.from_end { from_end } else { from_start };
    let mut query = sqlx::query(statement).bind(i64::from(page.take));
    for key in [page.after, page.before] {
        query = query.bind(micros(key.created_at)).bind(key.id);
    }
    query
}

pub(super) fn uuids(accounts: &[AccountId]) -> Vec<Uuid> {
    accounts.iter().map(|id| *id.as_uuid()).collect()
}

#[async_trait]
impl ReadModel for PostgresReadModel {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError> {
        let mut found = HashMap::with_capacity(ids.len());
        let accounts = of_kind(ids, Kind::Account);
        let statement = "SELECT * FROM account WHERE id = ANY($1)";
        self.load_kind(statement, accounts, account, State::Account, &mut found)
            .await?;
        let products = of_kind(ids, Kind::Product);
        let statement = "SELECT * FROM product WHERE id = ANY($1)";
        self.load_kind(statement, products, product, State::Product, &mut found)
            .await?;
        let orders = of_kind(ids, Kind::Order);
        let statement = "SELECT * FROM customer_order WHERE id = ANY($1)";
        self.load_kind(statement, orders, order, State::Order, &mut found)
            .await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, StorageError> {
        let statement = match kind {
            Kind::Account => "SELECT id FROM account WHERE id = $1",
            Kind::Product => "SELECT id FROM product WHERE id = $1",
            Kind::Order => "SELECT id FROM customer_order WHERE creation_key = $1",
        };
        let row = self
            .reads
            .run(async |pool| {
                sqlx::query(statement)
                    .bind(*command.as_uuid())
                    .fetch_optional(&pool)
                    .await
            })
            .await?;
        row.map(|row| row.try_get(0).map(|id| EntityId::from_uuid(kind, id)))
            .transpose()
            .map_err(read_error)
    }

    async fn find_reference(
        &self,
        kind: Kind,
        reference: &ExternalReference,
    ) -> Result<Option<Stored<State>>, StorageError> {
        let statement = match kind {
            Kind::Account => {
                "SELECT * FROM account WHERE external_reference = $1
                 AND external_reference IS NOT NULL AND NOT closed"
            }
            Kind::Product => {
                "SELECT * FROM product WHERE external_reference = $1
                 AND external_reference IS NOT NULL AND NOT withdrawn"
            }
            Kind::Order => {
                "SELECT * FROM customer_order WHERE external_reference = $1
                 AND external_reference IS NOT NULL"
            }
        };
        let row = self
            .reads
            .run(async |pool| {
                sqlx::query(statement)
                    .bind(reference.as_str())
                    .fetch_optional(&pool)
                    .await
            })
            .await?;
        row.map(|row| state(kind, &row)).transpose()
    }

    async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statement = "SELECT * FROM account ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.offset_page(statement, page, account, budget).await
    }

    async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statement = "SELECT * FROM product WHERE NOT withdrawn
             ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.offset_page(statement, page, product, budget).await
    }

    async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statements = [
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.keyset_page(statements, page, account, budget).await
    }

    async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statements = [
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.keyset_page(statements, page, product, budget).await
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        // One limited index scan for each account, from either end.
        let statements = [
            "SELECT found.* FROM unnest($6::uuid[]) AS wanted (id) CROSS JOIN LATERAL
                (SELECT * FROM customer_order WHERE account_id = wanted.id
                 AND (created_at, customer_order.id) > ($2, $3) AND (created_at, customer_order.id) < ($4, $5)
                 ORDER BY created_at, customer_order.id LIMIT $1) AS found",
            "SELECT found.* FROM unnest($6::uuid[]) AS wanted (id) CROSS JOIN LATERAL
                (SELECT * FROM customer_order WHERE account_id = wanted.id
                 AND (created_at, customer_order.id) > ($2, $3) AND (created_at, customer_order.id) < ($4, $5)
                 ORDER BY created_at DESC, customer_order.id DESC LIMIT $1) AS found",
        ];
        let statement = || keyset_statement(statements, page).bind(uuids(accounts));
        let orders = self.reads.list(statement, order, budget).await?;
        // A join guarantees no order between or within its parts.
        Ok(orders_by_account(accounts, orders))
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let statement = || {
            sqlx::query(
                "SELECT found.* FROM unnest($1::uuid[]) AS wanted (id) CROSS JOIN LATERAL
                    (SELECT * FROM customer_order WHERE account_id = wanted.id
                     ORDER BY created_at, customer_order.id LIMIT $2 OFFSET $3) AS found",
            )
            .bind(uuids(accounts))
            .bind(i64::from(page.take))
            .bind(signed(page.skip))
        };
        let orders = self.reads.list(statement, order, budget).await?;
        Ok(orders_by_account(accounts, orders))
    }
}
