//! The read model: one state row for each entity, written in the commit of its events.

use async_trait::async_trait;

use super::Version;
use crate::{Account, AccountId, CommandId, EntityId, Kind, Order, Product, State};

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store does not answer.
    #[error("the store could not read: {0}")]
    Unavailable(String),
    /// What is stored cannot be read; that entity is unavailable, it is never skipped.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
}

/// A state with the version it is at.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The state rows.
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
    async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ReadError>;

    /// Products by (created at, id).
    ///
    /// # Errors
    /// [`ReadError`]
    async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ReadError>;

    /// The orders of each of `accounts` (no account twice), in their order, each list by (created at,
    /// id), in one read.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError>;
}
