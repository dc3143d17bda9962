//! The type `Account`: what clients see of an account, and the ways to its orders.

use async_graphql::connection::Connection;
use async_graphql::{Context, Object};
use fritzy_domain::{Account, AccountId, SortKey, Stored, Version};

use super::budgeted::{Row, Text, take_room_for_edges};
use super::errors::{FieldResult, rejected};
use super::order::OrderObject;
use super::pagination::{PaginationInput, page};
use super::prefetch::Part;
use super::relay::{Cursor, List, Window};
use super::scalars::Time;

/// A customer.
#[derive(Clone)]
pub struct AccountObject {
    account: Account,
    version: Version,
    /// Parts of its orders that were read for many accounts at once.
    orders: Vec<(Part, Vec<OrderObject>)>,
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
    pub(crate) const fn account_id(&self) -> AccountId {
        self.account.id
    }

    /// Where it stands among all accounts.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.account.created_at,
            id: *self.account.id.as_uuid(),
        }
    }

    pub(crate) fn remember_orders(&mut self, part: Part, orders: Vec<OrderObject>) {
        self.orders.push((part, orders));
    }

    /// A part of its orders: read ahead, or read now.
    async fn read_orders(
        &self,
        context: &Context<'_>,
        part: Part,
    ) -> FieldResult<Vec<OrderObject>> {
        if let Some((_, orders)) = self.orders.iter().find(|(known, _)| *known == part) {
            return Ok(orders.clone());
        }
        let lists = part
            .read(context, &[self.account.id], &[context.field()])
            .await?;
        Ok(lists.into_iter().flatten().collect())
    }

    async fn walk_orders(
        &self,
        context: &Context<'_>,
        window: Window,
    ) -> FieldResult<Connection<Cursor, Row<OrderObject>>> {
        let walk = window.check(List::Orders).map_err(rejected)?;
        let mut orders = self
            .read_orders(context, Part::KeysetPage(walk.slice()))
            .await?;
        let more = walk.trim(&mut orders);
        take_room_for_edges(context, orders.len())?;
        Ok(walk.connection(orders, more, OrderObject::key, |order| order))
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
    async fn name(&self) -> Text<'_> {
        Text(&self.account.personal.name)
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
    ) -> FieldResult<Vec<Row<OrderObject>>> {
        let orders = match page(pagination) {
            Ok(page) => self.read_orders(context, Part::Page(page)).await,
            Err(rejection) => Err(rejected(rejection)),
        };
        let orders = orders.map_err(|error| error.at(context))?.into_iter();
        Ok(orders.map(Row).collect())
    }

    /// Its orders, oldest first, by cursors.
    async fn orders_connection(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> FieldResult<Connection<Cursor, Row<OrderObject>>> {
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
