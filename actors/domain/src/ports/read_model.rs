//! The read model: one state row for each entity, written in the commit of its events.

use serde::{Deserialize, Serialize};

use async_trait::async_trait;
use fritzy_types::{ReadError, Timestamp};
use uuid::Uuid;

use super::{Room, Version};
use crate::{Account, AccountId, CommandId, EntityId, Kind, Order, Product, State};

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
pub struct ListKey {
    /// When it was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

impl ListKey {
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
pub struct Slice {
    /// Only rows behind this one.
    pub after: ListKey,
    /// Only rows before this one.
    pub before: ListKey,
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
    /// [`ReadError`]
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, ReadError>;

    /// What a keyed creation made, over all shards: an order's shard is not known from its key alone.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, ReadError>;

    /// Accounts by (created at, id).
    ///
    /// # Errors
    /// [`ReadError`]
    async fn accounts(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError>;

    /// Products that are not withdrawn, by (created at, id).
    ///
    /// # Errors
    /// [`ReadError`]
    async fn products(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError>;

    /// A slice of the accounts.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn account_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError>;

    /// A slice of the products that are not withdrawn.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn product_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError>;

    /// The same slice of the orders of each of `accounts` (no account twice), in their order, in one
    /// read.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn order_slices(
        &self,
        accounts: &[AccountId],
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError>;

    /// The orders of each of `accounts` (no account twice), in their order, each list by (created at,
    /// id), in one read.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError>;
}
