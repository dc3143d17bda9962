//! The read model: one state row for each entity, written in the commit of its events.

use serde::{Deserialize, Serialize};

use async_trait::async_trait;
use fritzy_types::{StorageError, Timestamp};
use uuid::Uuid;

use super::MemoryBudget;
use crate::{Account, AccountId, CommandId, EntityId, Kind, Order, Product, State, Version};

/// A state with the version it is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored<T> {
    /// The number of its last event.
    pub version: Version,
    /// The fold of its events (invariant I5).
    pub state: T,
}

/// A part of a list ordered by (created at, id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows left out at the start.
    pub skip: u64,
    /// Rows at most.
    pub take: u32,
}

/// Where a row stands in a list ordered by (created at, id). It stays there for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey {
    /// When it was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

impl SortKey {
    /// Before every row.
    pub const START: Self = Self {
        created_at: Timestamp::from_micros(i64::MIN),
        id: Uuid::nil(),
    };
    /// Behind every row.
    pub const END: Self = Self {
        created_at: Timestamp::from_micros(i64::MAX),
        id: Uuid::max(),
    };
}

/// A part of a list by keys: rows that come and go elsewhere do not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysetPage {
    /// Only rows behind this one.
    pub after: SortKey,
    /// Only rows before this one.
    pub before: SortKey,
    /// Rows at most.
    pub take: u32,
    /// Whether to take them from the end. They come in ascending order either way.
    pub from_end: bool,
}

/// The state rows. Lists take room for each row (its [`bytes`](super::Footprint::bytes)) before they fetch the next.
#[async_trait]
pub trait ReadModel: Send + Sync {
    /// The states of `ids`, in their order; `None` for what does not exist.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError>;

    /// What a keyed creation made, over all shards: an order's shard is not known from its key alone.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, StorageError>;

    /// Accounts by (created at, id).
    ///
    /// # Errors
    /// [`StorageError`]
    async fn accounts(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError>;

    /// Products that are not withdrawn, by (created at, id).
    ///
    /// # Errors
    /// [`StorageError`]
    async fn products(
        &self,
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError>;

    /// A slice of the accounts.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn account_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError>;

    /// A slice of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn product_page_by_key(
        &self,
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError>;

    /// The same slice of the orders of each of `accounts` (no account twice), in their order, in one
    /// read.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        slice: KeysetPage,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError>;

    /// The orders of each of `accounts` (no account twice), in their order, each list by (created at,
    /// id), in one read.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError>;
}
