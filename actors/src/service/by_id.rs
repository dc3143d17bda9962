//! Reads of entities by their ids: one of any kind from its owner, several of one kind from their
//! state rows.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, EntityId, HeapSize, MemoryBudget, Product, ProductId, ReadModel, Stored,
};
use fritzy_types::Deadline;

use crate::error::{ShopError, read_failure};
use crate::messages::Snapshot;
use crate::service::entity_client::EntityClient;
use crate::service::reply::{account_of, product_of};

/// States in one read by their ids, each up to 20 KB: the memory budget is charged after the read.
const IDS_IN_READ_MAX: usize = 100;

/// Reads entities by their ids, each with every acknowledged write.
pub struct ById {
    entities: Arc<EntityClient>,
    read_model: Arc<dyn ReadModel>,
}

impl ById {
    pub(crate) fn new(entities: Arc<EntityClient>, read_model: Arc<dyn ReadModel>) -> Self {
        Self {
            entities,
            read_model,
        }
    }

    /// The account, product or order with this id, from its actor or its state row; `None` where
    /// there is none. One question to its owner. `field` names the argument in the rejection of a
    /// malformed id.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the id is malformed; [`ShopError::Failed`] when the owner or
    /// the store cannot be reached in time.
    pub async fn find(
        &self,
        id: &str,
        field: &str,
        deadline: Deadline,
    ) -> Result<Option<Snapshot>, ShopError> {
        // Ids of all kinds have the same form, with the slot at the same place.
        let any_kind = AccountId::parse(id, field)?;
        let (id, slot) = (*any_kind.as_uuid(), any_kind.slot());
        self.entities.find(id, slot, deadline).await
    }

    /// The accounts with these ids, in their order, from the state rows; `None` where no account
    /// exists. One read for each 100 ids.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the accounts exceed the budget of their response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn accounts(
        &self,
        ids: &[AccountId],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<Account>>>, ShopError> {
        self.load(ids, account_of, budget).await
    }

    /// The products with these ids, in their order, from the state rows; `None` where no product
    /// exists. One read for each 100 ids.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the products exceed the budget of their response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn products(
        &self,
        ids: &[ProductId],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        self.load(ids, product_of, budget).await
    }

    async fn load<T>(
        &self,
        ids: &[impl Into<EntityId> + Copy + Sync],
        of_kind: fn(&Snapshot) -> Stored<T>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<T>>>, ShopError>
    where
        Stored<T>: HeapSize,
    {
        let mut states = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_IN_READ_MAX) {
            let ids: Vec<EntityId> = ids.iter().map(|id| (*id).into()).collect();
            let rows = self.read_model.load(&ids).await.map_err(read_failure)?;
            for row in rows {
                let state = row.map(|row| of_kind(&Arc::new(row)));
                budget.take(state.as_ref().map_or(0, HeapSize::bytes))?;
                states.push(state);
            }
        }
        Ok(states)
    }
}
