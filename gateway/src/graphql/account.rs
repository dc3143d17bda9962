//! The type `Account`: what clients see of an account, and the ways to its orders.

use async_graphql::connection::Connection;
use async_graphql::{Context, Object};
use fritzy_domain::{Account, Page, Stored, Version};

use super::connections::{Cursor, Window};
use super::errors::{Answer, rejected, shop_error};
use super::order::{OrderObject, with_descriptions};
use super::pagination::{PaginationInput, page};
use super::request::app;
use super::scalars::Time;

/// A customer.
#[derive(Clone)]
pub(crate) struct AccountObject {
    account: Account,
    version: Version,
    /// Lists of orders that were read for many accounts at once.
    orders: Vec<(Page, Vec<OrderObject>)>,
}

impl From<Stored<Account>> for AccountObject {
    fn from(account: Stored<Account>) -> Self {
        let Stored {
            version,
            state: account,
        } = account;
        Self {
            account,
            version,
            orders: Vec::new(),
        }
    }
}

impl AccountObject {
    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn remember_orders(&mut self, page: Page, orders: Vec<OrderObject>) {
        self.orders.push((page, orders));
    }

    async fn read_orders(
        &self,
        context: &Context<'_>,
        pagination: Option<PaginationInput>,
    ) -> Answer<Vec<OrderObject>> {
        let page = page(pagination).map_err(rejected)?;
        if let Some((_, orders)) = self.orders.iter().find(|(known, _)| *known == page) {
            return Ok(orders.clone());
        }
        let lists = app(context)
            .shop
            .orders_of(&[self.account.id], page)
            .await
            .map_err(shop_error)?;
        let orders = lists.into_iter().flatten().map(OrderObject::from).collect();
        with_descriptions(context, context.look_ahead(), orders).await
    }

    async fn walk_orders(
        &self,
        context: &Context<'_>,
        window: Window,
    ) -> Answer<Connection<Cursor, OrderObject>> {
        let walk = window.check().map_err(rejected)?;
        let rows = app(context)
            .shop
            .order_slice(self.account.id, walk.slice())
            .await;
        let rows = rows
            .map_err(shop_error)?
            .into_iter()
            .map(OrderObject::from)
            .collect();
        let selection = context.look_ahead().field("edges").field("node");
        let orders = with_descriptions(context, selection, rows).await?;
        Ok(walk.connection(orders, OrderObject::key, |order| order))
    }
}

/// A customer.
#[Object(name = "Account")]
impl AccountObject {
    /// Its id.
    async fn id(&self) -> String {
        self.account.id.to_string()
    }

    /// The customer's name.
    async fn name(&self) -> &str {
        &self.account.personal.name
    }

    /// When it was created.
    async fn created_at(&self) -> Time {
        Time(self.account.created_at)
    }

    /// Whether it is closed; it orders no more then.
    async fn closed(&self) -> bool {
        self.account.closed
    }

    /// How many changes made it what it is; for `expectedVersion`.
    async fn version(&self) -> u64 {
        self.version
    }

    /// Its orders, oldest first.
    async fn orders(
        &self,
        context: &Context<'_>,
        pagination: Option<PaginationInput>,
    ) -> Answer<Vec<OrderObject>> {
        self.read_orders(context, pagination)
            .await
            .map_err(|error| error.at(context))
    }

    /// Its orders, oldest first, by cursors.
    async fn orders_connection(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Answer<Connection<Cursor, OrderObject>> {
        let window = Window {
            after,
            before,
            first,
            last,
        };
        self.walk_orders(context, window)
            .await
            .map_err(|error| error.at(context))
    }
}
