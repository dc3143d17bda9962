//! Lists from memory: sorted at each read, which is fine for what it is used for.

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, Footprint, Kind, ListKey, Order, Page, Product,
    ReadModel, Room, Slice, State, Stored,
};
use fritzy_types::{ReadError, Timestamp};
use uuid::Uuid;

use super::MemoryStore;

impl MemoryStore {
    fn list<T: Clone + Footprint>(
        &self,
        page: Page,
        room: &dyn Room,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let rows = self.rows(pick).into_iter();
        keep(rows.skip(skip).take(page.take as usize), room)
    }

    fn slice<T: Clone + Footprint>(
        &self,
        slice: Slice,
        room: &dyn Room,
        pick: impl Fn(&State) -> Picked<'_, T>,
    ) -> Result<Vec<Stored<T>>, ReadError> {
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

/// Takes room for each row.
fn keep<T: Footprint>(
    rows: impl Iterator<Item = (ListKey, Stored<T>)>,
    room: &dyn Room,
) -> Result<Vec<Stored<T>>, ReadError> {
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

    async fn accounts(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError> {
        self.list(page, room, any_account)
    }

    async fn products(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError> {
        self.list(page, room, available)
    }

    async fn account_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError> {
        self.slice(slice, room, any_account)
    }

    async fn product_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError> {
        self.slice(slice, room, available)
    }

    async fn order_slices(
        &self,
        accounts: &[AccountId],
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        let slices = accounts.iter();
        slices
            .map(|account| self.slice(slice, room, order_of(*account)))
            .collect()
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        let lists = accounts.iter();
        lists
            .map(|account| self.list(page, room, order_of(*account)))
            .collect()
    }
}
