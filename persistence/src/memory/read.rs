//! Lists from memory: sorted at each read, which is fine for what it is used for.

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, Kind, ListKey, Order, Page, Product, ReadError,
    ReadModel, Slice, State, Stored, Timestamp,
};
use uuid::Uuid;

use super::MemoryStore;

impl MemoryStore {
    fn list<T: Clone>(&self, page: Page, pick: impl Fn(&State) -> Picked<'_, T>) -> Vec<Stored<T>> {
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        self.rows(pick)
            .into_iter()
            .skip(skip)
            .take(page.take as usize)
            .map(|(_, row)| row)
            .collect()
    }

    fn slice<T: Clone>(
        &self,
        slice: Slice,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Vec<Stored<T>> {
        let mut rows = self.rows(pick);
        rows.retain(|(key, _)| slice.after < *key && *key < slice.before);
        let take = slice.take as usize;
        let skip = if slice.from_end {
            rows.len().saturating_sub(take)
        } else {
            0
        };
        rows.into_iter()
            .skip(skip)
            .take(take)
            .map(|(_, row)| row)
            .collect()
    }

    /// All rows that are picked, in the order of lists.
    fn rows<T: Clone>(&self, pick: impl Fn(&State) -> Picked<'_, T>) -> Vec<(ListKey, Stored<T>)> {
        self.read(|state| {
            let picked = state.states.values().filter_map(|stored| {
                let (created_at, id, row) = pick(&stored.state)?;
                let row = Stored {
                    version: stored.version,
                    state: row.clone(),
                };
                Some((ListKey { created_at, id }, row))
            });
            let mut rows: Vec<_> = picked.collect();
            rows.sort_unstable_by_key(|(key, _)| *key);
            rows
        })
    }
}

/// A row of one list: where it stands, and what it is.
type Picked<'s, T> = Option<(Timestamp, Uuid, &'s T)>;

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
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, ReadError> {
        Ok(self.read(|state| ids.iter().map(|id| state.states.get(id).cloned()).collect()))
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, ReadError> {
        let found = self.read(|state| state.creations.get(&command).copied());
        Ok(found.filter(|entity| entity.kind() == kind))
    }

    async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ReadError> {
        Ok(self.list(page, |state| match state {
            State::Account(account) => Some((account.created_at, *account.id.as_uuid(), account)),
            _ => None,
        }))
    }

    async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ReadError> {
        Ok(self.list(page, available))
    }

    async fn account_slice(&self, slice: Slice) -> Result<Vec<Stored<Account>>, ReadError> {
        Ok(self.slice(slice, |state| match state {
            State::Account(account) => Some((account.created_at, *account.id.as_uuid(), account)),
            _ => None,
        }))
    }

    async fn product_slice(&self, slice: Slice) -> Result<Vec<Stored<Product>>, ReadError> {
        Ok(self.slice(slice, available))
    }

    async fn order_slice(
        &self,
        account: AccountId,
        slice: Slice,
    ) -> Result<Vec<Stored<Order>>, ReadError> {
        Ok(self.slice(slice, |state| match state {
            State::Order(order) if order.account_id == account => {
                Some((order.created_at, *order.id.as_uuid(), order))
            }
            _ => None,
        }))
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        let orders_of = |account: &AccountId| {
            self.list(page, |state| match state {
                State::Order(order) if order.account_id == *account => {
                    Some((order.created_at, *order.id.as_uuid(), order))
                }
                _ => None,
            })
        };
        Ok(accounts.iter().map(orders_of).collect())
    }
}
