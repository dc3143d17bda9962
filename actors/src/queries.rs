//! Asking for things: one by its id, from its actor; lists, from the state rows.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, Deadline, EntityId, Footprint, Kind, Order, OrderId, Page, Product,
    ProductId, ReadError, Room, Slice, Stored,
};

use crate::answer::ShopError;
use crate::entity_actor::read_failure;
use crate::shop::{Shop, account_of, existing, order_of, product_of};

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

    /// Accounts by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn accounts(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ShopError> {
        let accounts = self.read_model.accounts(page, room).await;
        accounts.map_err(list_error)
    }

    /// Products by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.products(page, room).await;
        products.map_err(list_error)
    }

    /// The products with these ids, from their state rows, in one read for each [`IDS_IN_READ_MAX`]; `None`
    /// for what does not exist.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products_by_id(
        &self,
        ids: &[ProductId],
        room: &dyn Room,
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        let mut products = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_IN_READ_MAX) {
            let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::from(*id)).collect();
            let rows = self.read_model.load(&ids).await.map_err(read_failure)?;
            for row in rows {
                let product = row.map(|row| product_of(&Arc::new(row)));
                room.take(product.as_ref().map_or(0, Footprint::bytes))?;
                products.push(product);
            }
        }
        Ok(products)
    }

    /// A slice of the accounts.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn account_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ShopError> {
        let accounts = self.read_model.account_slice(slice, room).await;
        accounts.map_err(list_error)
    }

    /// A slice of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn product_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.product_slice(slice, room).await;
        products.map_err(list_error)
    }

    /// The same slice of the orders of each of `accounts` (no account twice), in one read.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn order_slices(
        &self,
        accounts: &[AccountId],
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let slices = self.read_model.order_slices(accounts, slice, room).await;
        slices.map_err(list_error)
    }

    /// The orders of each of `accounts` (no account twice), each list by (created at, id), in one read.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let lists = self.read_model.orders_of(accounts, page, room).await;
        lists.map_err(list_error)
    }
}

/// A list that was not read. That it is too large is the caller's fault, all else the world's.
fn list_error(error: ReadError) -> ShopError {
    match error {
        ReadError::NoRoom(no_room) => no_room.into(),
        failure => read_failure(failure).into(),
    }
}
