//! Pages of an account's orders.

use async_graphql::{Context, SelectionField};
use fritzy_domain::{AccountId, KeysetPage, Page};

use super::errors::{FieldResult, shop_error};
use super::order::{OrderObject, attach_descriptions};
use super::order_times::attach_times;
use super::pagination::{PaginationInput, page};
use super::relay::{List, Window};
use super::request::{budget, lists};
use super::selection::{argument, nodes_of};

/// A page of the orders of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderPage {
    /// By skip and take.
    Offset(Page),
    /// By cursors, as the field `ordersConnection` does.
    Keyset(KeysetPage),
}

impl OrderPage {
    /// Reads the page for each of `accounts`, with descriptions of products where any of `fields`
    /// selects them. `fields` are the fields that request this page.
    pub(crate) async fn read(
        self,
        context: &Context<'_>,
        accounts: &[AccountId],
        fields: &[SelectionField<'_>],
    ) -> FieldResult<Vec<Vec<OrderObject>>> {
        let rows = lists(context).await;
        let pages = match self {
            Self::Offset(page) => rows.orders_of(accounts, page, budget(context)).await,
            Self::Keyset(page) => {
                rows.order_pages_by_key(accounts, page, budget(context))
                    .await
            }
        };
        let mut pages: Vec<Vec<OrderObject>> = pages
            .map_err(shop_error)?
            .into_iter()
            .map(|orders| orders.into_iter().map(OrderObject::from).collect())
            .collect();
        let mut all: Vec<&mut OrderObject> = pages.iter_mut().flatten().collect();
        let selections = match self {
            Self::Offset(_) => fields.to_vec(),
            Self::Keyset(_) => nodes_of(fields),
        };
        attach_descriptions(context, &selections, &mut all).await?;
        attach_times(context, &selections, &mut all).await?;
        Ok(pages)
    }

    /// The page that a field requests. Invalid arguments are left to the field, which rejects them.
    pub(crate) fn of(field: &SelectionField<'_>) -> Option<Self> {
        match field.name() {
            "orders" => {
                let input = argument::<PaginationInput>(field, "pagination")?;
                page(input).ok().map(Self::Offset)
            }
            "ordersConnection" => {
                let window = Window {
                    after: argument(field, "after")?,
                    before: argument(field, "before")?,
                    first: argument(field, "first")?,
                    last: argument(field, "last")?,
                };
                let walk = window.check(List::Orders).ok()?;
                Some(Self::Keyset(walk.page()))
            }
            _ => None,
        }
    }
}
