//! The queries: one thing by its id, from its actor, and lists, from the state rows.

use async_graphql::connection::Connection;
use async_graphql::{Context, Object, SelectionField, Value};
use fritzy_domain::{
    Account, AccountId, Flaw, ListKey, Page, Product, ProductQuery, Rejection, Stored, Timestamp,
};
use uuid::Uuid;

use super::account::AccountObject;
use super::connections::{Cursor, Window};
use super::errors::{Answer, ApiError, rejected, shop_error};
use super::order::{OrderObject, attach_descriptions};
use super::pagination::{PaginationInput, page};
use super::product::ProductObject;
use super::request::{app, request};

/// Characters of a search; longer ones are pasted documents.
const SEARCH_CHARS_MAX: usize = 200;

pub(crate) struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// The account with this id, or a page of all accounts, oldest first.
    async fn accounts(
        &self,
        context: &Context<'_>,
        pagination: Option<PaginationInput>,
        id: Option<String>,
    ) -> Answer<Vec<AccountObject>> {
        let page = page(pagination).map_err(rejected)?;
        let shop = &app(context).shop;
        if let Some(id) = id {
            let account = shop
                .account(&id, request(context).deadline)
                .await
                .map_err(shop_error)?;
            return Ok(vec![account.into()]);
        }
        let accounts = shop.accounts(page).await.map_err(shop_error)?;
        let accounts = accounts.into_iter().map(Into::into).collect();
        with_orders(context, accounts).await
    }

    /// The product with this id, the products that match a search, best first, or a page of all
    /// products, oldest first.
    async fn products(
        &self,
        context: &Context<'_>,
        pagination: Option<PaginationInput>,
        query: Option<String>,
        id: Option<String>,
    ) -> Answer<Vec<ProductObject>> {
        let page = page(pagination).map_err(rejected)?;
        let app = app(context);
        if let Some(id) = id {
            let product = app.shop.product(&id, request(context).deadline).await;
            return Ok(vec![product.map_err(shop_error)?.into()]);
        }
        let products = match query {
            Some(text) => return search(context, text, page).await,
            None => app.shop.products(page).await.map_err(shop_error)?,
        };
        Ok(products.into_iter().map(Into::into).collect())
    }

    /// All accounts, oldest first, by cursors.
    async fn accounts_connection(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Answer<Connection<Cursor, AccountObject>> {
        let walk = Window {
            after,
            before,
            first,
            last,
        }
        .check()
        .map_err(rejected)?;
        let rows = app(context)
            .shop
            .account_slice(walk.slice())
            .await
            .map_err(shop_error)?;
        let key = |row: &Stored<Account>| key(row.state.created_at, row.state.id.as_uuid());
        Ok(walk.connection(rows, key, AccountObject::from))
    }

    /// All products that are not withdrawn, oldest first, by cursors.
    async fn products_connection(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Answer<Connection<Cursor, ProductObject>> {
        let walk = Window {
            after,
            before,
            first,
            last,
        }
        .check()
        .map_err(rejected)?;
        let rows = app(context)
            .shop
            .product_slice(walk.slice())
            .await
            .map_err(shop_error)?;
        let key = |row: &Stored<Product>| key(row.state.created_at, row.state.id.as_uuid());
        Ok(walk.connection(rows, key, ProductObject::from))
    }

    /// The order with this id.
    async fn order(&self, context: &Context<'_>, id: String) -> Option<Answer<OrderObject>> {
        Some(read_order(context, &id).await)
    }
}

async fn read_order(context: &Context<'_>, id: &str) -> Answer<OrderObject> {
    let order = app(context).shop.order(id, request(context).deadline).await;
    let mut order = OrderObject::from(order.map_err(shop_error)?);
    attach_descriptions(context, context.look_ahead(), vec![&mut order]).await?;
    Ok(order)
}

fn key(created_at: Timestamp, id: &Uuid) -> ListKey {
    ListKey {
        created_at,
        id: *id,
    }
}

async fn search(context: &Context<'_>, text: String, page: Page) -> Answer<Vec<ProductObject>> {
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
    let products = app.shop.products_by_id(&hits).await.map_err(shop_error)?;
    Ok(products.into_iter().flatten().map(Into::into).collect())
}

/// Reads the orders of all accounts of a list at once, for each page that the selection asks for; the
/// accounts then answer from it.
async fn with_orders(
    context: &Context<'_>,
    mut accounts: Vec<AccountObject>,
) -> Answer<Vec<AccountObject>> {
    if accounts.len() < 2 {
        // One account reads its orders itself.
        return Ok(accounts);
    }
    let ids: Vec<AccountId> = accounts
        .iter()
        .map(|account| account.account().id)
        .collect();
    for page in pages_of_orders(context.field()) {
        let lists = app(context)
            .shop
            .orders_of(&ids, page)
            .await
            .map_err(shop_error)?;
        let mut lists: Vec<Vec<OrderObject>> = lists
            .into_iter()
            .map(|orders| orders.into_iter().map(OrderObject::from).collect())
            .collect();
        let all = lists.iter_mut().flatten().collect();
        attach_descriptions(context, context.look_ahead().field("orders"), all).await?;
        for (account, orders) in accounts.iter_mut().zip(lists) {
            account.remember_orders(page, orders);
        }
    }
    Ok(accounts)
}

/// The pages of `orders` that the selection asks for, each once. One that cannot be read is left to
/// its field, which refuses it.
fn pages_of_orders(accounts: SelectionField<'_>) -> Vec<Page> {
    let mut pages = Vec::new();
    for field in accounts
        .selection_set()
        .filter(|field| field.name() == "orders")
    {
        let Ok(arguments) = field.arguments() else {
            continue;
        };
        let pagination = arguments.into_iter().find(|(name, _)| name == "pagination");
        let pagination = pagination.map(|(_, value)| value).unwrap_or_default();
        let input = match pagination {
            Value::Null => None,
            given => match <PaginationInput as async_graphql::InputType>::parse(Some(given)) {
                Ok(input) => Some(input),
                Err(_) => continue,
            },
        };
        if let Ok(page) = page(input)
            && !pages.contains(&page)
        {
            pages.push(page);
        }
    }
    pages
}
