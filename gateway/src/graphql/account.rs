//! The type `Account`, with its orders.

use async_graphql::{Context, ID, Object};

use super::annotations::{MetadataEntry, entries_of, reference_of};
use super::budgeted::{Row, Text, reserve_edges};
use super::connection::ListConnection;
use super::errors::{FieldResult, rejected};
use super::objects::{AccountObject, OrderObject};
use super::order_page::OrderPage;
use super::pagination::{PaginationInput, page};
use super::related::read_pages;
use super::relay::{List, Window};
use super::scalars::Time;
use super::total_count::TotalCount;

impl AccountObject {
    /// A page of its orders, prefetched or read now.
    async fn read_orders(
        &self,
        context: &Context<'_>,
        page: OrderPage,
    ) -> FieldResult<Vec<OrderObject>> {
        if let Some(orders) = self.prefetched(page) {
            return Ok(orders.to_vec());
        }
        let pages = read_pages(context, page, &[self.state().id], &[context.field()]).await?;
        Ok(pages.into_iter().flatten().collect())
    }

    async fn read_orders_connection(
        &self,
        context: &Context<'_>,
        window: Window,
    ) -> FieldResult<ListConnection<OrderObject>> {
        let walk = window.check(List::Orders).map_err(rejected)?;
        let mut orders = self
            .read_orders(context, OrderPage::Keyset(walk.page()))
            .await?;
        let more = walk.trim(&mut orders);
        reserve_edges(context, orders.len())?;
        let count = TotalCount::of_account(self.state().id, self.order_count());
        Ok(ListConnection::by_creation(
            &walk,
            orders,
            more,
            OrderObject::key,
            |order| order,
            count,
        ))
    }
}

/// Customer of the shop, who places orders.
#[Object(name = "Account")]
impl AccountObject {
    /// Id of the account.
    pub(super) async fn id(&self) -> ID {
        self.state().id.to_string().into()
    }

    /// Name of the customer.
    async fn name(&self) -> Text<'_> {
        Text(&self.state().personal.name)
    }

    /// When the account was created.
    async fn created_at(&self) -> Time {
        Time(self.state().created_at)
    }

    /// Whether the account is closed: it is read-only and cannot order.
    async fn closed(&self) -> bool {
        self.state().closed
    }

    /// Reference of another system, unique among open accounts.
    async fn external_reference(&self) -> Option<Text<'_>> {
        reference_of(&self.state().annotations)
    }

    /// Metadata, by key; empty if there is none.
    async fn metadata(&self) -> Vec<Row<MetadataEntry<'_>>> {
        entries_of(&self.state().annotations)
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.at_version()
    }

    /// Orders of the account, oldest first.
    async fn orders(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Rows to skip, and to return at most.")] pagination: Option<
            PaginationInput,
        >,
    ) -> FieldResult<Vec<Row<OrderObject>>> {
        let orders = match page(pagination) {
            Ok(page) => self.read_orders(context, OrderPage::Offset(page)).await,
            Err(rejection) => Err(rejected(rejection)),
        };
        let orders = orders.map_err(|error| error.at(context))?.into_iter();
        Ok(orders.map(Row).collect())
    }

    /// Orders of the account, oldest first, with cursor pagination.
    async fn orders_connection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor: only rows behind it, with `first`.")] after: Option<String>,
        #[graphql(desc = "Cursor: only rows before it, with `last`.")] before: Option<String>,
        #[graphql(desc = "Rows at most, from the start: 0 to 1000. Default 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Rows at most, from the end: 0 to 1000.")] last: Option<i32>,
    ) -> FieldResult<ListConnection<OrderObject>> {
        let window = Window {
            after,
            before,
            first,
            last,
        };
        self.read_orders_connection(context, window)
            .await
            .map_err(|error| error.at(context))
    }
}
