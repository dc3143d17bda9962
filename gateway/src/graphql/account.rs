//! `Account`.

use async_graphql::{Context, Object, Result};
use fritzy_domain::{Account, Page};

use super::errors::{rejected, shop_error};
use super::order::{OrderObject, with_descriptions};
use super::pagination::{PaginationInput, page};
use super::request::app;
use super::scalars::Time;

/// A customer.
pub(crate) struct AccountObject {
    account: Account,
    /// Lists of orders that were read for many accounts at once.
    orders: Vec<(Page, Vec<OrderObject>)>,
}

impl From<Account> for AccountObject {
    fn from(account: Account) -> Self {
        Self {
            account,
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

    /// Its orders, oldest first.
    async fn orders(
        &self,
        context: &Context<'_>,
        pagination: Option<PaginationInput>,
    ) -> Result<Vec<OrderObject>> {
        let page = page(pagination).map_err(rejected)?;
        if let Some((_, orders)) = self.orders.iter().find(|(known, _)| *known == page) {
            return Ok(orders.clone());
        }
        let lists = app(context)
            .shop
            .orders_of(&[self.account.id], page)
            .await
            .map_err(shop_error)?;
        let orders = lists
            .into_iter()
            .flatten()
            .map(|order| order.state.into())
            .collect();
        Ok(with_descriptions(context, context.look_ahead(), orders).await?)
    }
}
