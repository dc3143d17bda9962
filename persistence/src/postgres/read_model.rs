//! The state rows: by id, and in lists.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, HeapSize, KeysetPage, Kind, MemoryBudget, Order, Page,
    Product, ReadModel, State, Stored, UnlimitedBudget,
};
use fritzy_types::StorageError;
use sqlx::Row;
use uuid::Uuid;

use super::reads::{Reading, Reads, Statement};
use crate::rows::{
    account, micros, of_kind, order, orders_by_account, product, read_error, signed,
};

impl Reads {
    async fn load_kind<T: HeapSize>(
        &self,
        statement: &'static str,
        ids: Vec<Uuid>,
        read: Reading<Stored<T>>,
        any: fn(T) -> State,
        found: &mut HashMap<EntityId, Stored<State>>,
    ) -> Result<(), StorageError> {
        if ids.is_empty() {
            return Ok(());
        }
        let statement = || sqlx::query(statement).bind(ids.clone());
        for Stored { version, state } in self.list(statement, read, &UnlimitedBudget).await? {
            let state = any(state);
            found.insert(state.id(), Stored { version, state });
        }
        Ok(())
    }

    async fn page<T: HeapSize>(
        &self,
        statement: &'static str,
        page: Page,
        read: Reading<Stored<T>>,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let statement = || {
            sqlx::query(statement)
                .bind(i64::from(page.take))
                .bind(signed(page.skip))
        };
        self.list(statement, read, room).await
    }

    /// Reads a slice by a pair of statements, one for each end.
    async fn slice<T: HeapSize>(
        &self,
        statements: [&'static str; 2],
        slice: KeysetPage,
        read: Reading<Stored<T>>,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut list = self.list(|| sliced(statements, slice), read, room).await?;
        if slice.from_end {
            list.reverse();
        }
        Ok(list)
    }
}

/// The statement of the pair for a slice, with its limit and keys as the first values.
fn sliced([from_start, from_end]: [&'static str; 2], slice: KeysetPage) -> Statement<'static> {
    let statement = if slice.from_end { from_end } else { from_start };
    let mut query = sqlx::query(statement).bind(i64::from(slice.take));
    for key in [slice.after, slice.before] {
        query = query.bind(micros(key.created_at)).bind(key.id);
    }
    query
}

fn uuids(accounts: &[AccountId]) -> Vec<Uuid> {
    accounts.iter().map(|id| *id.as_uuid()).collect()
}

#[async_trait]
impl ReadModel for Reads {
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

    async fn accounts(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statement = "SELECT * FROM account ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.page(statement, page, account, room).await
    }

    async fn products(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statement = "SELECT * FROM product WHERE NOT withdrawn
             ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.page(statement, page, product, room).await
    }

    async fn account_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statements = [
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.slice(statements, slice, account, room).await
    }

    async fn product_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statements = [
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.slice(statements, slice, product, room).await
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        // One limited walk along the index for each account, from either end.
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
        let statement = || sliced(statements, slice).bind(uuids(accounts));
        let orders = self.list(statement, order, room).await?;
        // A join promises no order between or within its parts.
        Ok(orders_by_account(accounts, orders))
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn MemoryBudget,
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
        let orders = self.list(statement, order, room).await?;
        Ok(orders_by_account(accounts, orders))
    }
}
