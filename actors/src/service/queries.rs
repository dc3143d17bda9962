//! Reads by id: one entity from its actor, several from their state rows.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, EntityId, HeapSize, Journal, MemoryBudget, Order, OrderId, Page, Product,
    ProductId, ReadModel, RecordedEvent, Rejection, Stored,
};
use fritzy_types::Deadline;

use crate::error::{ShopError, list_error, read_failure};
use crate::messages::Snapshot;
use crate::service::entity_client::EntityClient;
use crate::service::lists::Lists;
use crate::service::reply::{account_of, existing, order_of, product_of};

/// States in one read by their ids, each up to 20 KB: the memory budget is charged after the
/// read.
const IDS_IN_READ_MAX: usize = 100;

/// Reads entities, their histories and lists of them.
pub(crate) struct Queries {
    entities: Arc<EntityClient>,
    journal: Journal,
    read_model: Arc<dyn ReadModel>,
}

impl Queries {
    pub(crate) fn new(
        entities: Arc<EntityClient>,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
    ) -> Self {
        Self {
            entities,
            journal,
            read_model,
        }
    }

    pub(crate) async fn account(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Account>, ShopError> {
        let entity = AccountId::parse(id, "id")?.into();
        Ok(account_of(&self.read(entity, id, deadline).await?))
    }

    pub(crate) async fn product(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Product>, ShopError> {
        let entity = ProductId::parse(id, "id")?.into();
        Ok(product_of(&self.read(entity, id, deadline).await?))
    }

    pub(crate) async fn order(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Order>, ShopError> {
        let entity = OrderId::parse(id, "id")?.into();
        Ok(order_of(&self.read(entity, id, deadline).await?))
    }

    async fn read(
        &self,
        entity: EntityId,
        id: &str,
        deadline: Deadline,
    ) -> Result<Snapshot, ShopError> {
        let reply = self.entities.read(entity, deadline).await?;
        existing(reply, entity.kind(), "id".into(), id)
    }

    pub(crate) async fn find(
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

    /// One read for each [`IDS_IN_READ_MAX`] ids.
    pub(crate) async fn products_by_id(
        &self,
        ids: &[ProductId],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        self.by_id(ids, product_of, budget).await
    }

    /// One read for each [`IDS_IN_READ_MAX`] ids.
    pub(crate) async fn accounts_by_id(
        &self,
        ids: &[AccountId],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<Account>>>, ShopError> {
        self.by_id(ids, account_of, budget).await
    }

    async fn by_id<T>(
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

    pub(crate) async fn history(
        &self,
        id: &str,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, ShopError> {
        // Ids of all kinds have the same form, with the slot at the same place.
        let any_kind = AccountId::parse(id, "id")?;
        let shard = self.entities.shard_of(any_kind.slot());
        let uuid = *any_kind.as_uuid();
        let history = self.journal.history(shard, uuid, page, budget).await;
        let history = history.map_err(list_error)?;
        if history.is_empty() {
            let first = Page { skip: 0, take: 1 };
            let exists = self.journal.history(shard, uuid, first, budget).await;
            if exists.map_err(list_error)?.is_empty() {
                let (field, id) = ("id".into(), id.to_owned());
                return Err(Rejection::NothingFound { field, id }.into());
            }
        }
        Ok(history)
    }

    pub(crate) fn lists(&self) -> Lists {
        Lists::new(self.read_model.clone())
    }
}
