//! Asking for things by their ids: one from its actor, several from their state rows.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, EntityId, HeapSize, Kind, MemoryBudget, Order, OrderId, Page, Product,
    ProductId, RecordedEvent, Rejection, Stored,
};
use fritzy_types::Deadline;

use crate::request::ShopError;
use crate::service::lists::{Lists, list_error};
use crate::service::shop::{Shop, account_of, existing, order_of, product_of};
use crate::shell::entity_actor::read_failure;

/// Products in one read by their ids, each up to 20 KB: room is taken when they are there.
const IDS_IN_READ_MAX: usize = 100;

impl Shop {
    /// The account with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn account(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Account>, ShopError> {
        let reply = self
            .read(AccountId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(account_of(&existing(
            reply,
            Kind::Account,
            "id".into(),
            id,
        )?))
    }

    /// The product with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn product(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Product>, ShopError> {
        let reply = self
            .read(ProductId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(product_of(&existing(
            reply,
            Kind::Product,
            "id".into(),
            id,
        )?))
    }

    /// The order with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn order(&self, id: &str, deadline: Deadline) -> Result<Stored<Order>, ShopError> {
        let reply = self
            .read(OrderId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(order_of(&existing(reply, Kind::Order, "id".into(), id)?))
    }

    /// The products with these ids, from their state rows, in one read for each [`IDS_IN_READ_MAX`]; `None`
    /// for what does not exist.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products_by_id(
        &self,
        ids: &[ProductId],
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        let mut products = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_IN_READ_MAX) {
            let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::from(*id)).collect();
            let rows = self.read_model.load(&ids).await.map_err(read_failure)?;
            for row in rows {
                let product = row.map(|row| product_of(&Arc::new(row)));
                room.take(product.as_ref().map_or(0, HeapSize::bytes))?;
                products.push(product);
            }
        }
        Ok(products)
    }

    /// A page of everything that happened to the account, product or order with this id, oldest first, with
    /// everything that was acknowledged.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn history(
        &self,
        id: &str,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, ShopError> {
        // Ids of all kinds are of one form, and carry their slot in the same place.
        let known = AccountId::parse(id, "id")?;
        let (shard, uuid) = (self.router.shard_of(known.slot()), *known.as_uuid());
        let history = self.journal.history(shard, uuid, page, room).await;
        let history = history.map_err(list_error)?;
        if history.is_empty() {
            let first = Page { skip: 0, take: 1 };
            let exists = self.journal.history(shard, uuid, first, room).await;
            if exists.map_err(list_error)?.is_empty() {
                let (field, id) = ("id".into(), id.to_owned());
                return Err(Rejection::NothingFound { field, id }.into());
            }
        }
        Ok(history)
    }

    /// Lists, with everything that was acknowledged.
    pub fn lists(&self) -> Lists {
        Lists::new(self.read_model.clone())
    }
}
