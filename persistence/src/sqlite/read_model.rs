//! The state rows, by id and in lists.

use std::collections::HashMap;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, ExternalReference, HeapSize, KeysetPage, Kind,
    MemoryBudget, Order, Page, Product, ReadModel, State, Stored, UnlimitedBudget,
};
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::reader::SqliteReader;
use crate::rows::{
    account, collect_rows, micros, of_kind, order, orders_by_account, product, read_error, signed,
    state,
};

/// Sizes of the statements that take a list. A shorter list is padded with NULL, which matches
/// nothing, so that a few statements stay prepared instead of one for each length.
const LIST_SIZES: [usize; 3] = [1, 10, 100];

/// A value that is bound again for each id of a list.
#[derive(Clone, Copy)]
enum Bound {
    Number(i64),
    Id(Uuid),
}

pub(super) struct SqliteReadModel {
    reader: SqliteReader,
}

impl SqliteReadModel {
    pub(super) const fn new(reader: SqliteReader) -> Self {
        Self { reader }
    }

    pub(super) const fn reader(&self) -> &SqliteReader {
        &self.reader
    }

    /// Reads rows for a list of ids, `part` repeated once for each id; `bound` is bound after each
    /// id.
    async fn read_list<T: HeapSize>(
        &self,
        [head, part, separator, tail]: [&str; 4],
        ids: &[Uuid],
        bound: &[Bound],
        read: Reading<Stored<T>>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut list = Vec::new();
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
                for value in bound {
                    query = match *value {
                        Bound::Number(number) => query.bind(number),
                        Bound::Id(id) => query.bind(id),
                    };
                }
            }
            let rows = self.reader.noted(query.fetch(self.reader.pool()?));
            collect_rows(&mut list, rows, read, budget).await?;
        }
        Ok(list)
    }

    async fn load_kind<T: HeapSize>(
        &self,
        head: &str,
        ids: &[Uuid],
        read: Reading<Stored<T>>,
        any: fn(T) -> State,
        found: &mut HashMap<EntityId, Stored<State>>,
    ) -> Result<(), StorageError> {
        let statement = [head, "?", ", ", ")"];
        let rows = self
            .read_list(statement, ids, &[], read, &UnlimitedBudget)
            .await?;
        for Stored { version, state } in rows {
            let state = any(state);
            found.insert(state.id(), Stored { version, state });
        }
        Ok(())
    }

    /// Reads orders for each of `accounts`, `part` repeated for each; every list by (created at,
    /// id).
    async fn lists_of_orders(
        &self,
        part: &str,
        accounts: &[AccountId],
        bound: &[Bound],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let ids: Vec<Uuid> = accounts.iter().map(|id| *id.as_uuid()).collect();
        let statement = ["", part, " UNION ALL ", ""];
        let rows = self
            .read_list(statement, &ids, bound, order, budget)
            .await?;
        // UNION ALL guarantees no order between or within its parts.
        Ok(orders_by_account(accounts, rows))
    }

    /// Reads a page by one of two statements: from the start of the list, or from its end.
    async fn keyset_page<T: HeapSize>(
        &self,
        [from_start, from_end]: [&'static str; 2],
        page: KeysetPage,
        read: Reading<Stored<T>>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut query = sqlx::query(if page.from_end { from_end } else { from_start });
        for key in [page.after, page.before] {
            query = query.bind(micros(key.created_at)).bind(key.id);
        }
        let mut list = Vec::new();
        let rows = query.bind(page.take).fetch(self.reader.pool()?);
        let rows = self.reader.noted(rows);
        collect_rows(&mut list, rows, read, budget).await?;
        if page.from_end {
            list.reverse();
        }
        Ok(list)
    }

    async fn offset_page<T: HeapSize>(
        &self,
        statement: &'static str,
        page: Page,
        read: Reading<Stored<T>>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let query = sqlx::query(statement)
            .bind(page.take)
            .bind(signed(page.skip));
        let mut list = Vec::new();
        let rows = self.reader.noted(query.fetch(self.reader.pool()?));
        collect_rows(&mut list, rows, read, budget).await?;
        Ok(list)
    }
}

type Reading<T> = fn(&SqliteRow) -> Result<T, StorageError>;

#[async_trait]
impl ReadModel for SqliteReadModel {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError> {
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
    ) -> Result<Option<EntityId>, StorageError> {
        let statement = match kind {
            Kind::Account => "SELECT id FROM account WHERE id = ?",
            Kind::Product => "SELECT id FROM product WHERE id = ?",
            Kind::Order => "SELECT id FROM customer_order WHERE creation_key = ?",
        };
        let row = sqlx::query(statement)
            .bind(*command.as_uuid())
            .fetch_optional(self.reader.pool()?)
            .await
            .map_err(|failure| self.reader.damage().read_error(failure))?;
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
                "SELECT * FROM account WHERE external_reference = ? AND external_reference IS NOT NULL
                 AND NOT closed"
            }
            Kind::Product => {
                "SELECT * FROM product WHERE external_reference = ? AND external_reference IS NOT NULL
                 AND NOT withdrawn"
            }
            Kind::Order => {
                "SELECT * FROM customer_order WHERE external_reference = ?
                 AND external_reference IS NOT NULL"
            }
        };
        let row = sqlx::query(statement)
            .bind(reference.as_str())
            .fetch_optional(self.reader.pool()?)
            .await
            .map_err(|failure| self.reader.damage().read_error(failure))?;
        row.map(|row| state(kind, &row)).transpose()
    }

    async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statement = "SELECT * FROM account ORDER BY created_at, id LIMIT ? OFFSET ?";
        self.offset_page(statement, page, account, budget).await
    }

    async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statement = "SELECT * FROM product WHERE withdrawn = 0
             ORDER BY created_at, id LIMIT ? OFFSET ?";
        self.offset_page(statement, page, product, budget).await
    }

    async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        let statements = [
            "SELECT * FROM account WHERE true
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?",
            "SELECT * FROM account WHERE true
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?",
        ];
        self.keyset_page(statements, page, account, budget).await
    }

    async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        let statements = [
            "SELECT * FROM product WHERE withdrawn = 0
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?",
            "SELECT * FROM product WHERE withdrawn = 0
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?",
        ];
        self.keyset_page(statements, page, product, budget).await
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        // One limited index scan for each account, from either end, all in one statement.
        let part = if page.from_end {
            "SELECT * FROM (SELECT * FROM customer_order WHERE account_id = ?
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at DESC, id DESC LIMIT ?)"
        } else {
            "SELECT * FROM (SELECT * FROM customer_order WHERE account_id = ?
             AND (created_at, id) > (?, ?) AND (created_at, id) < (?, ?)
             ORDER BY created_at, id LIMIT ?)"
        };
        let bound = [
            Bound::Number(micros(page.after.created_at)),
            Bound::Id(page.after.id),
            Bound::Number(micros(page.before.created_at)),
            Bound::Id(page.before.id),
            Bound::Number(page.take.into()),
        ];
        self.lists_of_orders(part, accounts, &bound, budget).await
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        // One limited index scan for each account, all in one statement.
        let part = "SELECT * FROM (SELECT * FROM customer_order WHERE account_id = ?
                        ORDER BY created_at, id LIMIT ? OFFSET ?)";
        let bound = [
            Bound::Number(page.take.into()),
            Bound::Number(signed(page.skip)),
        ];
        self.lists_of_orders(part, accounts, &bound, budget).await
    }
}
