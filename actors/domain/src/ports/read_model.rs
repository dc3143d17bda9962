//! The read model: one state row for each entity, written in the transaction of its events.

use async_trait::async_trait;
use fritzy_types::StorageError;

use super::{KeysetPage, ListCounts, MemoryBudget, OrderLists, Page, Stored};
use crate::{
    Account, AccountId, CommandId, EntityId, ExternalReference, Kind, Order, Product, State,
};

/// The state rows. Lists charge each row to the budget (its [`bytes`](super::HeapSize::bytes))
/// before they fetch the next.
#[async_trait]
pub trait ReadModel: OrderLists + ListCounts + Send + Sync {
    /// The states of `ids`, in their order; `None` where the entity does not exist.
    ///
    /// # Errors
    /// When the store is unavailable, or a row is unreadable.
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError>;

    /// The entity that a keyed creation has created, over all shards: the shard of an order does
    /// not follow from the key alone.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, StorageError>;

    /// The row of the entity of this kind that has the external reference, and is neither closed
    /// nor withdrawn.
    ///
    /// # Errors
    /// When the store is unavailable, or the row is unreadable.
    async fn find_reference(
        &self,
        kind: Kind,
        reference: &ExternalReference,
    ) -> Result<Option<Stored<State>>, StorageError>;

    /// A page of the accounts, by offset.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError>;

    /// A page of the products that are not withdrawn, by offset.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError>;

    /// A page of the accounts, by keys.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError>;

    /// A page of the products that are not withdrawn, by keys.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError>;

    /// The same page, by keys, of the orders of each of `accounts`, in the order of `accounts`. One
    /// query; no account may be repeated.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError>;

    /// The same page, by offset, of the orders of each of `accounts`, in the order of `accounts`.
    /// One query; no account may be repeated.
    ///
    /// # Errors
    /// When the store is unavailable, a row is unreadable, or the budget is exceeded.
    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError>;
}
