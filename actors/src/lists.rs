//! Asking for lists, from the state rows or a copy of them.

use std::sync::Arc;

use fritzy_domain::{Account, AccountId, Order, Page, Product, ReadModel, Room, Slice, Stored};
use fritzy_types::ReadError;

use crate::answer::ShopError;
use crate::entity_actor::read_failure;

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
pub(crate) fn list_error(error: ReadError) -> ShopError {
    match error {
        ReadError::NoRoom(no_room) => no_room.into(),
        failure => read_failure(failure).into(),
    }
}
