//! Asking for lists, from the state rows or a copy of them.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, KeysetPage, MemoryBudget, Order, Page, Product, ReadModel, Stored,
};
use fritzy_types::StorageError;

use crate::request::ShopError;
use crate::shell::entity_actor::read_failure;

/// The lists of one copy of the state rows.
#[derive(Clone)]
pub struct Lists {
    read_model: Arc<dyn ReadModel>,
}

impl Lists {
    /// The lists of `read_model`.
    pub fn new(read_model: Arc<dyn ReadModel>) -> Self {
        Self { read_model }
    }

    /// Accounts by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn accounts(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
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
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.products(page, room).await;
        products.map_err(list_error)
    }

    /// A slice of the accounts.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn account_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, ShopError> {
        let accounts = self.read_model.account_page_by_key(slice, room).await;
        accounts.map_err(list_error)
    }

    /// A slice of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn product_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.product_page_by_key(slice, room).await;
        products.map_err(list_error)
    }

    /// The same slice of the orders of each of `accounts` (no account twice), in one read.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let slices = self
            .read_model
            .order_pages_by_key(accounts, slice, room)
            .await;
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
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let lists = self.read_model.orders_of(accounts, page, room).await;
        lists.map_err(list_error)
    }
}

/// A list that was not read. That it is too large is the caller's fault, all else the world's.
pub(crate) fn list_error(error: StorageError) -> ShopError {
    match error {
        StorageError::BudgetExceeded(no_room) => no_room.into(),
        failure => read_failure(failure).into(),
    }
}
