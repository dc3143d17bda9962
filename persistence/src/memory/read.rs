//! Lists from memory: sorted at each read, which is fine for what it is used for.

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, CommandId, EntityId, Kind, Order, Page, Product, ReadError, ReadModel,
    State, Stored, Timestamp,
};
use uuid::Uuid;

use super::MemoryStore;

impl MemoryStore {
    fn list<T: Clone>(
        &self,
        page: Page,
        pick: impl Fn(&State) -> Option<(Timestamp, Uuid, &T)>,
    ) -> Vec<Stored<T>> {
        self.read(|state| {
            let mut rows: Vec<_> = state
                .states
                .values()
                .filter_map(|stored| pick(&stored.state).map(|picked| (picked, stored.version)))
                .collect();
            rows.sort_unstable_by_key(|((created_at, id, _), _)| (*created_at, *id));
            let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
            let part = rows.into_iter().skip(skip).take(page.take as usize);
            part.map(|((_, _, row), version)| Stored {
                version,
                state: row.clone(),
            })
            .collect()
        })
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
        Ok(self.list(page, |state| match state {
            State::Product(product) => Some((product.created_at, *product.id.as_uuid(), product)),
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
