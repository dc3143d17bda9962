//! Counts of lists in memory: of all rows.

use async_trait::async_trait;
use fritzy_domain::{AccountId, COUNTED_MAX, ListCounts, OrderFilter, RowCount, State};
use fritzy_types::StorageError;

use super::order_lists::admitted;
use super::read_model::MemoryReadModel;

impl MemoryReadModel {
    fn count(&self, limit: u64, is_in_list: impl Fn(&State) -> bool) -> RowCount {
        let rows = self.memory().read(|state| {
            let states = state.states.values();
            states.filter(|stored| is_in_list(&stored.state)).count() as u64
        });
        RowCount::of(rows, rows, limit)
    }
}

#[async_trait]
impl ListCounts for MemoryReadModel {
    async fn count_accounts(&self) -> Result<RowCount, StorageError> {
        Ok(self.count(COUNTED_MAX, |state| matches!(state, State::Account(_))))
    }

    async fn count_products(&self) -> Result<RowCount, StorageError> {
        let is_listed =
            |state: &State| matches!(state, State::Product(product) if !product.withdrawn);
        Ok(self.count(COUNTED_MAX, is_listed))
    }

    async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, StorageError> {
        let rows = self
            .memory()
            .read(|state| admitted(state, filter).len() as u64);
        Ok(RowCount::of(rows, rows, COUNTED_MAX))
    }

    async fn count_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<RowCount>, StorageError> {
        let limit = RowCount::limit_of_each(accounts.len());
        let count = |account: &AccountId| {
            self.count(
                limit,
                |state| matches!(state, State::Order(order) if order.account_id == *account),
            )
        };
        Ok(accounts.iter().map(count).collect())
    }
}
