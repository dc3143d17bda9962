//! Lists in memory: sorted at each read, which is fast enough for tests.

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, ExternalReference, HeapSize, KeysetPage, Kind,
    MemoryBudget, Order, Page, Product, ReadModel, SortKey, State, Stored,
};
use fritzy_types::{StorageError, Timestamp};
use uuid::Uuid;

use super::state::SharedMemoryStore;

pub(super) struct MemoryReadModel {
    memory: SharedMemoryStore,
}

impl MemoryReadModel {
    pub(super) const fn new(memory: SharedMemoryStore) -> Self {
        Self { memory }
    }

    pub(super) const fn memory(&self) -> &SharedMemoryStore {
        &self.memory
    }

    fn offset_page<T: Clone + HeapSize>(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let rows = self.rows(pick).into_iter();
        collect(rows.skip(skip).take(page.take as usize), budget)
    }

    fn keyset_page<T: Clone + HeapSize>(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, StorageError> {
        let mut rows = self.rows(pick);
        rows.retain(|(key, _)| page.after < *key && *key < page.before);
        let take = page.take as usize;
        let skip = if page.from_end {
            rows.len().saturating_sub(take)
        } else {
            0
        };
        collect(rows.into_iter().skip(skip).take(take), budget)
    }

    /// All rows that are picked, by (created at, id).
    fn rows<T: Clone>(&self, pick: impl Fn(&State) -> Picked<'_, T>) -> Vec<(SortKey, Stored<T>)> {
        self.memory.read(|state| {
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

/// Takes the size of each row from the budget.
fn collect<T: HeapSize>(
    rows: impl Iterator<Item = (SortKey, Stored<T>)>,
    budget: &dyn MemoryBudget,
) -> Result<Vec<Stored<T>>, StorageError> {
    rows.map(|(_, row)| {
        budget.take(row.bytes())?;
        Ok(row)
    })
    .collect()
}

/// A row of a list: creation time, id and state.
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
impl ReadModel for MemoryReadModel {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError> {
        Ok(self
            .memory
            .read(|state| ids.iter().map(|id| state.states.get(id).cloned()).collect()))
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, StorageError> {
        let found = self
            .memory
            .read(|state| state.creations.get(&command).copied());
        Ok(found.filter(|entity| entity.kind() == kind))
    }

    async fn find_reference(
        &self,
        kind: Kind,
        reference: &ExternalReference,
    ) -> Result<Option<Stored<State>>, StorageError> {
        Ok(self
            .memory
            .read(|state| state.holder(kind, reference).cloned()))
    }

    async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.offset_page(page, budget, any_account)
    }

    async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.offset_page(page, budget, available)
    }

    async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.keyset_page(page, budget, any_account)
    }

    async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.keyset_page(page, budget, available)
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let pages = accounts.iter();
        pages
            .map(|account| self.keyset_page(page, budget, order_of(*account)))
            .collect()
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        let lists = accounts.iter();
        lists
            .map(|account| self.offset_page(page, budget, order_of(*account)))
            .collect()
    }
}
