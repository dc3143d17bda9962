//! Lists from memory: sorted at each read, which is fine for what it is used for.

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, HeapSize, KeysetPage, Kind, MemoryBudget, Order, Page,
    Product, ReadModel, SortKey, State, Stored,
};
use fritzy_types::{StorageError, Timestamp};
use uuid::Uuid;

use super::MemoryStore;

impl MemoryStore {
    fn list<T: Clone + HeapSize>(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let rows = self.rows(pick).into_iter();
        keep(rows.skip(skip).take(page.take as usize), room)
    }

    fn slice<T: Clone + HeapSize>(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut rows = self.rows(pick);
        rows.retain(|(key, _)| slice.after < *key && *key < slice.before);
        let take = slice.take as usize;
        let skip = if slice.from_end {
            rows.len().saturating_sub(take)
        } else {
            0
        };
        keep(rows.into_iter().skip(skip).take(take), room)
    }

    /// All rows that are picked, in the order of lists.
    fn rows<T: Clone>(&self, pick: impl Fn(&State) -> Picked<'_, T>) -> Vec<(SortKey, Stored<T>)> {
        self.read(|state| {
            let picked = state.states.values().filter_map(|stored| {
                let (created_at, id, row) = pick(&stored.state)?;
                let row = Stored {
                    version: stored.version,
                    state: row.clone(),
                };
                Some((SortKey { created_at, id }, row))
            });
            let mut rows: Vec<_> = picked.collect();
            rows.sort_unstable_by_key(|(key, _)| *key);
            rows
        })
    }
}

/// Takes room for each row.
fn keep<T: HeapSize>(
    rows: impl Iterator<Item = (SortKey, Stored<T>)>,
    room: &dyn MemoryBudget,
) -> Result<Vec<Stored<T>>, StorageError> {
    rows.map(|(_, row)| {
        room.take(row.bytes())?;
        Ok(row)
    })
    .collect()
}

/// A row of one list: where it stands, and what it is.
type Picked<'s, T> = Option<(Timestamp, Uuid, &'s T)>;

fn any_account(state: &State) -> Picked<'_, Account> {
    match state {
        State::Account(account) => Some((account.created_at, *account.id.as_uuid(), account)),
        _ => None,
    }
}

fn order_of(owner: AccountId) -> impl Fn(&State) -> Picked<'_, Order> {
    move |state| match state {
        State::Order(order) if order.account_id == owner => {
            Some((order.created_at, *order.id.as_uuid(), order))
        }
        _ => None,
    }
}

fn available(state: &State) -> Picked<'_, Product> {
    match state {
        State::Product(product) if !product.withdrawn => {
            Some((product.created_at, *product.id.as_uuid(), product))
        }
        _ => None,
    }
}

#[async_trait]
impl ReadModel for MemoryStore {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError> {
        Ok(self.read(|state| ids.iter().map(|id| state.states.get(id).cloned()).collect()))
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, StorageError> {
        let found = self.read(|state| state.creations.get(&command).copied());
        Ok(found.filter(|entity| entity.kind() == kind))
    }

    async fn accounts(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.list(page, room, any_account)
    }

    async fn products(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.list(page, room, available)
    }

    async fn account_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.slice(slice, room, any_account)
    }

    async fn product_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.slice(slice, room, available)
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let slices = accounts.iter();
        slices
            .map(|account| self.slice(slice, room, order_of(*account)))
            .collect()
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let lists = accounts.iter();
        lists
            .map(|account| self.list(page, room, order_of(*account)))
            .collect()
    }
}
