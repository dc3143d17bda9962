//! Asking for things: one by its id, from its actor; lists, from the state rows.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, Deadline, EntityId, Kind, Order, OrderId, Page, Product, ProductId, Slice,
    Stored,
};

use crate::answer::ShopError;
use crate::entity_actor::read_failure;
use crate::shop::{Shop, account_of, existing, order_of, product_of};

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
    pub async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ShopError> {
        Ok(self.read_model.accounts(page).await.map_err(read_failure)?)
    }

    /// Products by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ShopError> {
        Ok(self.read_model.products(page).await.map_err(read_failure)?)
    }

    /// The products with these ids, from their state rows, in one read; `None` for what does not exist.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products_by_id(
        &self,
        ids: &[ProductId],
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::from(*id)).collect();
        let rows = self.read_model.load(&ids).await.map_err(read_failure)?;
        Ok(rows
            .into_iter()
            .map(|row| row.map(|row| product_of(&Arc::new(row))))
            .collect())
    }

    /// A slice of the accounts.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn account_slice(&self, slice: Slice) -> Result<Vec<Stored<Account>>, ShopError> {
        Ok(self
            .read_model
            .account_slice(slice)
            .await
            .map_err(read_failure)?)
    }

    /// A slice of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn product_slice(&self, slice: Slice) -> Result<Vec<Stored<Product>>, ShopError> {
        Ok(self
            .read_model
            .product_slice(slice)
            .await
            .map_err(read_failure)?)
    }

    /// A slice of the orders of one account.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn order_slice(
        &self,
        account: AccountId,
        slice: Slice,
    ) -> Result<Vec<Stored<Order>>, ShopError> {
        Ok(self
            .read_model
            .order_slice(account, slice)
            .await
            .map_err(read_failure)?)
    }

    /// The orders of each of `accounts` (no account twice), each list by (created at, id), in one read.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        Ok(self
            .read_model
            .orders_of(accounts, page)
            .await
            .map_err(read_failure)?)
    }
}
