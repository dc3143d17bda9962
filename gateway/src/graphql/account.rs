//! The type `Account`, with its orders.

use async_graphql::{Context, Object};
use fritzy_domain::{Account, AccountId, RowCount, SortKey, Stored, Version};

use super::budgeted::{Row, Text, reserve_edges};
use super::connection::ListConnection;
use super::errors::{FieldResult, rejected};
use super::order::OrderObject;
use super::order_page::OrderPage;
use super::pagination::{PaginationInput, page};
use super::relay::{List, Window};
use super::scalars::Time;
use super::total_count::TotalCount;

/// A customer as a GraphQL object, at one version.
#[derive(Clone)]
pub struct AccountObject {
    account: Account,
    version: Version,
    /// Prefetched pages of its orders.
    orders: Vec<(OrderPage, Vec<OrderObject>)>,
    /// The prefetched number of its orders.
    order_count: Option<RowCount>,
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
            order_count: None,
        }
    }
}

impl AccountObject {
    pub(crate) const fn account_id(&self) -> AccountId {
        self.account.id
    }

    /// Its sort key among all accounts.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.account.created_at,
            id: *self.account.id.as_uuid(),
        }
    }

    pub(crate) fn add_orders(&mut self, page: OrderPage, orders: Vec<OrderObject>) {
        self.orders.push((page, orders));
    }

    pub(crate) const fn set_order_count(&mut self, count: RowCount) {
        self.order_count = Some(count);
    }

    /// A page of its orders, prefetched or read now.
    async fn read_orders(
        &self,
        context: &Context<'_>,
        page: OrderPage,
    ) -> FieldResult<Vec<OrderObject>> {
        if let Some((_, orders)) = self.orders.iter().find(|(known, _)| *known == page) {
            return Ok(orders.clone());
        }
        let pages = page
            .read(context, &[self.account.id], &[context.field()])
            .await?;
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
        let count = TotalCount::of_account(self.account.id, self.order_count);
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
    async fn id(&self) -> String {
        self.account.id.to_string()
    }

    /// Name of the customer.
    async fn name(&self) -> Text<'_> {
        Text(&self.account.personal.name)
    }

    /// When the account was created.
    async fn created_at(&self) -> Time {
        Time(self.account.created_at)
    }

    /// Whether the account is closed: it is read-only and cannot order.
    async fn closed(&self) -> bool {
        self.account.closed
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.version
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
