//! Reads of one entity: from its actor, or its history from the journal.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, EntityId, Journal, MemoryBudget, Order, OrderId, Page, Product, ProductId,
    ReadModel, RecordedEvent, Rejection, Stored,
};
use fritzy_types::Deadline;

use crate::error::{ShopError, list_error};
use crate::messages::Snapshot;
use crate::service::entity_client::EntityClient;
use crate::service::lists::Lists;
use crate::service::reply::{account_of, existing, order_of, product_of};

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
