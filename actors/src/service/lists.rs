//! Lists of entities, from the state rows or from a read replica of them.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, KeysetPage, MemoryBudget, Order, OrderFilter, OrderId, OrderListPage,
    OrderSlice, OrderTimes, Page, Product, ReadModel, RowCount, Stored, Version,
};

use crate::error::{ShopError, list_error, read_failure};

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

    /// A page of the orders that `filter` admits.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the list exceeds the budget of its response;
    /// [`ShopError::Failed`] when the store cannot read or the node's memory budget is exhausted.
    pub async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, ShopError> {
        let slice = self.read_model.order_page(filter, page, budget).await;
        slice.map_err(list_error)
    }

    /// When each of `orders` changed, up to the given version, in their order.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] when the times exceed the budget of their response;
    /// [`ShopError::Failed`] when the store cannot read, or when it is a replica that does not have
    /// the version of an order yet.
    pub async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<OrderTimes>, ShopError> {
        budget.take(orders.len().saturating_mul(size_of::<OrderTimes>()))?;
        let times = self.read_model.order_times(orders).await;
        times.map_err(list_error)
    }

    /// The number of accounts.
    ///
    /// # Errors
    /// [`ShopError::Failed`] when the store cannot read.
    pub async fn count_accounts(&self) -> Result<RowCount, ShopError> {
        let count = self.read_model.count_accounts().await;
        count.map_err(|failure| read_failure(failure).into())
    }

    /// The number of products that are not withdrawn.
    ///
    /// # Errors
    /// [`ShopError::Failed`] when the store cannot read.
    pub async fn count_products(&self) -> Result<RowCount, ShopError> {
        let count = self.read_model.count_products().await;
        count.map_err(|failure| read_failure(failure).into())
    }

    /// The number of orders that `filter` admits.
    ///
    /// # Errors
    /// [`ShopError::Failed`] when the store cannot read.
    pub async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, ShopError> {
        let count = self.read_model.count_orders(filter).await;
        count.map_err(|failure| read_failure(failure).into())
    }

    /// The number of orders of each of `accounts` (no account twice), in their order.
    ///
    /// # Errors
    /// [`ShopError::Failed`] when the store cannot read.
    pub async fn count_orders_of(
        &self,
        accounts: &[AccountId],
    ) -> Result<Vec<RowCount>, ShopError> {
        let counts = self.read_model.count_orders_of(accounts).await;
        counts.map_err(|failure| read_failure(failure).into())
    }
}
