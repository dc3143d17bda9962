//! The state rows: by id, and in lists.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, Kind, Order, Page, Product, ReadError, ReadModel,
    Slice, State, Stored,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{SqliteStore, read_error};
use crate::rows::{account, micros, order, product, signed};

/// Sizes of the statements that take a list; a shorter list is filled up with NULL, which matches
/// nothing, so that a few statements stay prepared instead of one for each length.
const LIST_SIZES: [usize; 3] = [1, 10, 100];

impl SqliteStore {
    /// Reads rows for a list of ids, `part` repeated once for each id.
    async fn read_list(
        &self,
        head: &str,
        part: &str,
        separator: &str,
        tail: &str,
        ids: &[Uuid],
        page: Option<Page>,
    ) -> Result<Vec<SqliteRow>, ReadError> {
        let mut rows = Vec::new();
        let [.., largest] = LIST_SIZES;
        for run in ids.chunks(largest) {
            let size = LIST_SIZES
                .into_iter()
                .find(|size| *size >= run.len())
                .unwrap_or(largest);
            // All parts are literals of this file.
            let statement = format!("{head}{}{tail}", vec![part; size].join(separator));
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for index in 0..size {
                query = query.bind(run.get(index).copied());
                if let Some(page) = page {
                    query = query.bind(page.take).bind(signed(page.skip));
                }
            }
            rows.extend(query.fetch_all(self.reading()).await.map_err(read_error)?);
        }
        Ok(rows)
    }

    async fn load_kind<T>(
        &self,
        head: &str,
        ids: &[Uuid],
        read: fn(&SqliteRow) -> Result<Stored<T>, ReadError>,
        any: fn(T) -> State,
        found: &mut HashMap<EntityId, Stored<State>>,
    ) -> Result<(), ReadError> {
        if ids.is_empty() {
            return Ok(());
        }
        for row in self.read_list(head, "?", ", ", ")", ids, None).await? {
            let stored = read(&row)?;
            let state = any(stored.state);
            found.insert(
                state.id(),
                Stored {
                    version: stored.version,
                    state,
                },
            );
        }
        Ok(())
    }

    /// Reads a slice by a pair of statements, one for each end; `owner` binds what comes first.
    async fn slice<T>(
        &self,
        [from_start, from_end]: [&'static str; 2],
        owner: Option<AccountId>,
        slice: Slice,
        read: fn(&SqliteRow) -> Result<Stored<T>, ReadError>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
        let mut query = sqlx::query(if slice.from_end { from_end } else { from_start });
        if let Some(owner) = owner {
            query = query.bind(*owner.as_uuid());
        }
        for key in [slice.after, slice.before] {
            query = query.bind(micros(key.created_at)).bind(key.id);
        }
        let rows = query
            .bind(slice.take)
            .fetch_all(self.reading())
            .await
            .map_err(read_error)?;
        let mut rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if slice.from_end {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn page<T>(
        &self,
        statement: &'static str,
        page: Page,
        read: fn(&SqliteRow) -> Result<Stored<T>, ReadError>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
        let rows = sqlx::query(statement)
            .bind(page.take)
            .bind(signed(page.skip))
            .fetch_all(self.reading())
            .await
            .map_err(read_error)?;
        rows.iter().map(read).collect()
    }
}

fn of_kind(ids: &[EntityId], kind: Kind) -> Vec<Uuid> {
    ids.iter()
        .filter(|id| id.kind() == kind)
        .map(|id| *id.as_uuid())
        .collect()
}

#[async_trait]
impl ReadModel for SqliteStore {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, ReadError> {
        let mut found = HashMap::with_capacity(ids.len());
        let accounts = of_kind(ids, Kind::Account);
        self.load_kind(
            "SELECT * FROM account WHERE id IN (",
            &accounts,
            account,
            State::Account,
            &mut found,
        )
        .await?;
        let products = of_kind(ids, Kind::Product);
        self.load_kind(
            "SELECT * FROM product WHERE id IN (",
            &products,
            product,
            State::Product,
            &mut found,
        )
        .await?;
        let orders = of_kind(ids, Kind::Order);
        self.load_kind(
            "SELECT * FROM customer_order WHERE id IN (",
            &orders,
            order,
            State::Order,
            &mut found,
        )
        .await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, ReadError> {
        let statement = match kind {
            Kind::Account => "SELECT id FROM account WHERE id = ?",
            Kind::Product => "SELECT id FROM product WHERE id = ?",
            Kind::Order => "SELECT id FROM customer_order WHERE creation_key = ?",
        };
        let row = sqlx::query(statement)
            .bind(*command.as_uuid())
            .fetch_optional(self.reading())
            .await
            .map_err(read_error)?;
        row.map(|row| row.try_get(0).map(|id| EntityId::from_uuid(kind, id)))
            .transpose()
            .map_err(read_error)
    }

    async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ReadError> {
        let statement = "SELECT * FROM account ORDER BY created_at, id LIMIT ? OFFSET ?";
        self.page(statement, page, account).await
    }

    async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ReadError> {
        let statement = "SELECT * FROM product WHERE withdrawn = 0
             ORDER BY created_at, id LIMIT ? OFFSET ?";
        self.page(statement, page, product).await
    }

    async fn account_slice(&self, slice: Slice) -> Result<Vec<Stored<Account>>, ReadError> {
        let statements = [
            "SELECT * FROM account WHERE true
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?",
            "SELECT * FROM account WHERE true
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?",
        ];
        self.slice(statements, None, slice, account).await
    }

    async fn product_slice(&self, slice: Slice) -> Result<Vec<Stored<Product>>, ReadError> {
        let statements = [
            "SELECT * FROM product WHERE withdrawn = 0
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?",
            "SELECT * FROM product WHERE withdrawn = 0
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?",
        ];
        self.slice(statements, None, slice, product).await
    }

    async fn order_slice(
        &self,
        account: AccountId,
        slice: Slice,
    ) -> Result<Vec<Stored<Order>>, ReadError> {
        let statements = [
            "SELECT * FROM customer_order WHERE account_id = ?
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?",
            "SELECT * FROM customer_order WHERE account_id = ?
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?",
        ];
        self.slice(statements, Some(account), slice, order).await
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        let ids: Vec<Uuid> = accounts.iter().map(|id| *id.as_uuid()).collect();
        // One limited walk along the index for each account, all in one statement.
        let part = "SELECT * FROM (SELECT * FROM customer_order WHERE account_id = ?
                        ORDER BY created_at, id LIMIT ? OFFSET ?)";
        let rows = self
            .read_list("", part, " UNION ALL ", "", &ids, Some(page))
            .await?;
        let mut lists: HashMap<AccountId, Vec<Stored<Order>>> = HashMap::new();
        for row in &rows {
            let order = order(row)?;
            lists.entry(order.state.account_id).or_default().push(order);
        }
        let mut take = |account: &AccountId| {
            let mut orders = lists.remove(account).unwrap_or_default();
            // UNION ALL promises no order between or within its parts.
            orders.sort_unstable_by_key(|order: &Stored<Order>| {
                (order.state.created_at, order.state.id)
            });
            orders
        };
        Ok(accounts.iter().map(&mut take).collect())
    }
}
