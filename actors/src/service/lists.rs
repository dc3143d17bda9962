//! Lists of entities, from the state rows or from a read replica of them.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, KeysetPage, MemoryBudget, Order, Page, Product, ReadModel, Stored,
};

use crate::error::{ShopError, list_error};

/// The lists of one read model: the primary or a read replica.
#[derive(Clone)]
pub struct Lists {
    read_model: Arc<dyn ReadModel>,
}

impl Lists {
    /// Reads all lists from `read_model`.
    pub fn new(read_model: Arc<dyn ReadModel>) -> Self {
        Self { read_model }
    }

    /// Accounts, ordered by (created at, id).
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, ShopError> {
        let accounts = self.read_model.accounts(page, budget).await;
        accounts.map_err(list_error)
    }

    /// Products, ordered by (created at, id).
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.products(page, budget).await;
        products.map_err(list_error)
    }

    /// A keyset page of the accounts.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, ShopError> {
        let accounts = self.read_model.account_page_by_key(page, budget).await;
        accounts.map_err(list_error)
    }

    /// A keyset page of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, ShopError> {
        let products = self.read_model.product_page_by_key(page, budget).await;
        products.map_err(list_error)
    }

    /// The same keyset page of the orders of each of `accounts` (no account twice), in one read.
    /// Returns one list for each account, in their order.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let pages = self
            .read_model
            .order_pages_by_key(accounts, page, budget)
            .await;
        pages.map_err(list_error)
    }

    /// The orders of each of `accounts` (no account twice), ordered by (created at, id), in one
    /// read. Returns one list for each account, in their order.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        let lists = self.read_model.orders_of(accounts, page, budget).await;
        lists.map_err(list_error)
    }
}
