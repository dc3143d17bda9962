//! The state rows: by id, and in lists.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, Kind, Order, Page, Product, ReadError, ReadModel,
    Slice, State, Stored,
};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{PostgresStore, read_error};
use crate::rows::{account, micros, order, product, signed};

impl PostgresStore {
    async fn load_kind<T>(
        &self,
        statement: &'static str,
        ids: Vec<Uuid>,
        read: fn(&PgRow) -> Result<Stored<T>, ReadError>,
        any: fn(T) -> State,
        found: &mut HashMap<EntityId, Stored<State>>,
    ) -> Result<(), ReadError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = &ids[..];
        let rows = self
            .reading(async |pool| sqlx::query(statement).bind(ids).fetch_all(&pool).await)
            .await?;
        for row in &rows {
            let Stored { version, state } = read(row)?;
            let state = any(state);
            found.insert(state.id(), Stored { version, state });
        }
        Ok(())
    }

    async fn page<T>(
        &self,
        statement: &'static str,
        page: Page,
        read: fn(&PgRow) -> Result<Stored<T>, ReadError>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
        let rows = self
            .reading(async |pool| {
                sqlx::query(statement)
                    .bind(i64::from(page.take))
                    .bind(signed(page.skip))
                    .fetch_all(&pool)
                    .await
            })
            .await?;
        rows.iter().map(read).collect()
    }

    /// Reads a slice by a pair of statements, one for each end.
    async fn slice<T>(
        &self,
        [from_start, from_end]: [&'static str; 2],
        owner: Option<AccountId>,
        slice: Slice,
        read: fn(&PgRow) -> Result<Stored<T>, ReadError>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
        let statement = if slice.from_end { from_end } else { from_start };
        let rows = self
            .reading(async |pool| {
                let mut query = sqlx::query(statement).bind(i64::from(slice.take));
                for key in [slice.after, slice.before] {
                    query = query.bind(micros(key.created_at)).bind(key.id);
                }
                if let Some(owner) = owner {
                    query = query.bind(*owner.as_uuid());
                }
                query.fetch_all(&pool).await
            })
            .await?;
        let mut rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if slice.from_end {
            rows.reverse();
        }
        Ok(rows)
    }
}

fn of_kind(ids: &[EntityId], kind: Kind) -> Vec<Uuid> {
    ids.iter()
        .filter(|id| id.kind() == kind)
        .map(|id| *id.as_uuid())
        .collect()
}

#[async_trait]
impl ReadModel for PostgresStore {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, ReadError> {
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
    ) -> Result<Option<EntityId>, ReadError> {
        let statement = match kind {
            Kind::Account => "SELECT id FROM account WHERE id = $1",
            Kind::Product => "SELECT id FROM product WHERE id = $1",
            Kind::Order => "SELECT id FROM customer_order WHERE creation_key = $1",
        };
        let row = self
            .reading(async |pool| {
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

    async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ReadError> {
        let statement = "SELECT * FROM account ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.page(statement, page, account).await
    }

    async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ReadError> {
        let statement = "SELECT * FROM product WHERE NOT withdrawn
             ORDER BY created_at, id LIMIT $1 OFFSET $2";
        self.page(statement, page, product).await
    }

    async fn account_slice(&self, slice: Slice) -> Result<Vec<Stored<Account>>, ReadError> {
        let statements = [
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM account
             WHERE (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.slice(statements, None, slice, account).await
    }

    async fn product_slice(&self, slice: Slice) -> Result<Vec<Stored<Product>>, ReadError> {
        let statements = [
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM product WHERE NOT withdrawn
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.slice(statements, None, slice, product).await
    }

    async fn order_slice(
        &self,
        account: AccountId,
        slice: Slice,
    ) -> Result<Vec<Stored<Order>>, ReadError> {
        let statements = [
            "SELECT * FROM customer_order WHERE account_id = $6
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at, id LIMIT $1",
            "SELECT * FROM customer_order WHERE account_id = $6
             AND (created_at, id) > ($2, $3) AND (created_at, id) < ($4, $5)
             ORDER BY created_at DESC, id DESC LIMIT $1",
        ];
        self.slice(statements, Some(account), slice, order).await
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        let ids: Vec<Uuid> = accounts.iter().map(|id| *id.as_uuid()).collect();
        let ids = &ids[..];
        // One limited walk along the index for each account.
        let rows = self
            .reading(async |pool| {
                sqlx::query(
                    "SELECT found.* FROM unnest($1::uuid[]) AS wanted (id) CROSS JOIN LATERAL
                        (SELECT * FROM customer_order WHERE account_id = wanted.id
                         ORDER BY created_at, id LIMIT $2 OFFSET $3) AS found",
                )
                .bind(ids)
                .bind(i64::from(page.take))
                .bind(signed(page.skip))
                .fetch_all(&pool)
                .await
            })
            .await?;
        let mut lists: HashMap<AccountId, Vec<Stored<Order>>> = HashMap::new();
        for row in &rows {
            let order = order(row)?;
            lists.entry(order.state.account_id).or_default().push(order);
        }
        let mut take = |account: &AccountId| {
            let mut orders = lists.remove(account).unwrap_or_default();
            // A join promises no order between or within its parts.
            orders.sort_unstable_by_key(|order: &Stored<Order>| {
                (order.state.created_at, order.state.id)
            });
            orders
        };
        Ok(accounts.iter().map(&mut take).collect())
    }
}
