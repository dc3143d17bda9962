//! The queries: entities by id from their actors, lists from the read model.

use async_graphql::{Context, ID, Object};
use fritzy_domain::{Flaw, Page, Product, ProductQuery, Rejection, SortKey, Stored};

use super::app::app;
use super::budgeted::{Row, reserve_edges};
use super::connection::ListConnection;
use super::errors::{ApiError, FieldResult, rejected, shop_error};
use super::federation::{Any, Entity, Service, find_entities};
use super::history::HistoryEntryObject;
use super::node::{NodeObject, find_node, find_nodes};
use super::objects::{AccountObject, OrderObject};
use super::order_filter::{OrderFilterInput, OrderSortEnum};
use super::order_list::read_orders;
use super::pagination::{PaginationInput, page};
use super::product::ProductObject;
use super::reference_query::{account_by, order_by, product_by};
use super::related::{order_object, prefetch_orders};
use super::relay::{List, Window};
use super::request::{budget, lists, request};
use super::selection::nodes_of;
use super::total_count::{Counted, TotalCount};

/// Characters of a search text; longer ones are pasted documents.
const SEARCH_CHARS_MAX: usize = 200;

pub struct Query;

/// Queries, which read data and change none.
#[Object]
impl Query {
    /// The account with this id, or a page of all accounts, oldest first.
    async fn accounts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Rows to skip, and to return at most.")] pagination: Option<
            PaginationInput,
        >,
        #[graphql(
            desc = "Id of one account; without it, or with null, a page of all.",
            deprecation = "Null returns every account. Use `account(id:)`."
        )]
        id: Option<String>,
    ) -> FieldResult<Vec<Row<AccountObject>>> {
        let page = page(pagination).map_err(rejected)?;
        let shop = &app(context).shop;
        if let Some(id) = id {
            let account = shop
                .account(&id, request(context).deadline)
                .await
                .map_err(shop_error)?;
            return Ok(vec![Row(account.into())]);
        }
        let accounts = lists(context).await.accounts(page, budget(context)).await;
        let accounts = accounts.map_err(shop_error)?.into_iter();
        let mut accounts: Vec<AccountObject> = accounts.map(Into::into).collect();
        prefetch_orders(context, &[context.field()], &mut accounts).await?;
        Ok(accounts.into_iter().map(Row).collect())
    }

    /// The product with this id, the products that match a search text (best match first), or a
    /// page of all products, oldest first.
    async fn products(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Rows to skip, and to return at most.")] pagination: Option<
            PaginationInput,
        >,
        #[graphql(desc = "Text to search for, of 1 to 200 characters.")] query: Option<String>,
        #[graphql(
            desc = "Id of one product; without it, or with null, a page of all.",
            deprecation = "Null returns every product. Use `product(id:)`."
        )]
        id: Option<String>,
    ) -> FieldResult<Vec<Row<ProductObject>>> {
        let page = page(pagination).map_err(rejected)?;
        let app = app(context);
        if let Some(id) = id {
            let product = app.shop.product(&id, request(context).deadline).await;
            return Ok(vec![Row(product.map_err(shop_error)?.into())]);
        }
        let products = match query {
            Some(text) => return search(context, text, page).await,
            None => lists(context).await.products(page, budget(context)).await,
        };
        let products = products.map_err(shop_error)?.into_iter();
        Ok(products.map(|product| Row(product.into())).collect())
    }

    /// All accounts, oldest first, with cursor pagination.
    async fn accounts_connection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor: only rows behind it, with `first`.")] after: Option<String>,
        #[graphql(desc = "Cursor: only rows before it, with `last`.")] before: Option<String>,
        #[graphql(desc = "Rows at most, from the start: 0 to 1000. Default 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Rows at most, from the end: 0 to 1000.")] last: Option<i32>,
    ) -> FieldResult<ListConnection<AccountObject>> {
        let walk = Window {
            after,
            before,
            first,
            last,
        }
        .check(List::Accounts)
        .map_err(rejected)?;
        let lists = lists(context).await;
        let rows = lists
            .account_page_by_key(walk.page(), budget(context))
            .await;
        let rows = rows.map_err(shop_error)?.into_iter();
        let mut rows: Vec<AccountObject> = rows.map(AccountObject::from).collect();
        let more = walk.trim(&mut rows);
        reserve_edges(context, rows.len())?;
        let nodes = nodes_of(&[context.field()]);
        prefetch_orders(context, &nodes, &mut rows).await?;
        let count = TotalCount::of(Counted::Accounts);
        let key = AccountObject::key;
        Ok(ListConnection::by_creation(
            &walk,
            rows,
            more,
            key,
            |account| account,
            count,
        ))
    }

    /// All products that are not withdrawn, oldest first, with cursor pagination.
    async fn products_connection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor: only rows behind it, with `first`.")] after: Option<String>,
        #[graphql(desc = "Cursor: only rows before it, with `last`.")] before: Option<String>,
        #[graphql(desc = "Rows at most, from the start: 0 to 1000. Default 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Rows at most, from the end: 0 to 1000.")] last: Option<i32>,
    ) -> FieldResult<ListConnection<ProductObject>> {
        let walk = Window {
            after,
            before,
            first,
            last,
        }
        .check(List::Products)
        .map_err(rejected)?;
        let lists = lists(context).await;
        let rows = lists
            .product_page_by_key(walk.page(), budget(context))
            .await;
        let mut rows = rows.map_err(shop_error)?;
        let more = walk.trim(&mut rows);
        reserve_edges(context, rows.len())?;
        let key = |row: &Stored<Product>| SortKey {
            created_at: row.state.created_at,
            id: *row.state.id.as_uuid(),
        };
        let count = TotalCount::of(Counted::Products);
        Ok(ListConnection::by_creation(
            &walk,
            rows,
            more,
            key,
            ProductObject::from,
            count,
        ))
    }

    /// Events of the account, product or order with this id, oldest first.
    async fn history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of an account, a product or an order.")] id: String,
        #[graphql(desc = "Rows to skip, and to return at most.")] pagination: Option<
            PaginationInput,
        >,
    ) -> FieldResult<Vec<Row<HistoryEntryObject>>> {
        let page = page(pagination).map_err(rejected)?;
        let history = app(context).shop.history(&id, page, budget(context)).await;
        let entries = history.map_err(shop_error)?.into_iter();
        Ok(entries
            .map(|entry| Row(HistoryEntryObject(entry)))
            .collect())
    }

    /// The account with this id.
    async fn account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the account.")] id: ID,
    ) -> Option<FieldResult<AccountObject>> {
        let account = app(context).shop.account(&id, request(context).deadline);
        let account = account.await.map_err(shop_error);
        Some(account.map(AccountObject::from))
    }

    /// The product with this id, also when it is withdrawn.
    async fn product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the product.")] id: ID,
    ) -> Option<FieldResult<ProductObject>> {
        let product = app(context).shop.product(&id, request(context).deadline);
        let product = product.await.map_err(shop_error);
        Some(product.map(ProductObject::from))
    }

    /// The account, product or order with this id; null where there is none.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of an account, a product or an order.")] id: ID,
    ) -> Option<FieldResult<NodeObject>> {
        find_node(context, &id).await.transpose()
    }

    /// The accounts, products and orders with these ids, in their order; null where there is none.
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most 100 ids of accounts, products and orders.")] ids: Vec<ID>,
    ) -> FieldResult<Vec<Row<Option<FieldResult<NodeObject>>>>> {
        let found = find_nodes(context, &ids).await?;
        Ok(found.into_iter().map(Row).collect())
    }

    /// The entities of these representations, in their order; null where there is none. For routers
    /// of Apollo Federation.
    #[graphql(name = "_entities")]
    async fn entities(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most 1000 representations.")] representations: Vec<Any>,
    ) -> FieldResult<Vec<Row<Option<FieldResult<Entity>>>>> {
        let found = find_entities(context, &representations).await?;
        Ok(found.into_iter().map(Row).collect())
    }

    /// This subgraph, as routers of Apollo Federation compose it.
    #[graphql(name = "_service")]
    async fn service(&self, context: &Context<'_>) -> Service {
        Service::new(app(context).federation_sdl.clone())
    }

    /// All orders that a filter admits, with cursor pagination.
    ///
    /// A filter that no index serves alone passes over at most 10000 orders for a page. Then the
    /// page can be short or even empty, with `hasNextPage: true` and an `endCursor` to continue
    /// (backwards `hasPreviousPage` and `startCursor`).
    #[expect(clippy::too_many_arguments, reason = "arguments of the field")]
    async fn orders(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which orders; all, if none is given.")] filter: Option<OrderFilterInput>,
        #[graphql(desc = "Sort order; default CREATED_ASC.")] sort: Option<OrderSortEnum>,
        #[graphql(desc = "Rows at most, from the start: 0 to 1000. Default 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Cursor: only rows behind it, with `first`.")] after: Option<String>,
        #[graphql(desc = "Rows at most, from the end: 0 to 1000.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before it, with `last`.")] before: Option<String>,
    ) -> FieldResult<ListConnection<OrderObject>> {
        let window = Window {
            after,
            before,
            first,
            last,
        };
        read_orders(context, filter, sort, window).await
    }

    /// The order with this id.
    async fn order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the order.")] id: String,
    ) -> Option<FieldResult<OrderObject>> {
        Some(read_order(context, &id).await)
    }

    /// The open account with this external reference; null if there is none.
    async fn account_by_reference(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "External reference, as it was given.")] external_reference: String,
    ) -> Option<FieldResult<AccountObject>> {
        account_by(context, &external_reference).await
    }

    /// The product with this external reference that is not withdrawn; null if there is none.
    async fn product_by_reference(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "External reference, as it was given.")] external_reference: String,
    ) -> Option<FieldResult<ProductObject>> {
        product_by(context, &external_reference).await
    }

    /// The order with this external reference; null if there is none.
    async fn order_by_reference(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "External reference, as it was given.")] external_reference: String,
    ) -> Option<FieldResult<OrderObject>> {
        order_by(context, &external_reference).await
    }
}

async fn read_order(context: &Context<'_>, id: &str) -> FieldResult<OrderObject> {
    let order = app(context).shop.order(id, request(context).deadline).await;
    order_object(context, order.map_err(shop_error)?).await
}

async fn search(
    context: &Context<'_>,
    text: String,
    page: Page,
) -> FieldResult<Vec<Row<ProductObject>>> {
    if text.chars().count() > SEARCH_CHARS_MAX {
        let flaw = Flaw::TooLong {
            max: SEARCH_CHARS_MAX,
        };
        return Err(rejected(Rejection::invalid("query", flaw)));
    }
    let app = app(context);
    let hits = app
        .index
        .search(&ProductQuery { text, page })
        .await
        .map_err(ApiError::Search)?;
    let products = app.shop.by_id().products(&hits, budget(context)).await;
    let products = products.map_err(shop_error)?.into_iter().flatten();
    Ok(products.map(|product| Row(product.into())).collect())
}
