//! Reads orders, with the accounts and products that belong to them: for all orders of a list at
//! once, and for the orders of all accounts of a list (ADR 0006).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::{Context, SelectionField};
use fritzy_domain::{AccountId, Order, Product, ProductId, Stored};
use futures_util::future::BoxFuture;

use super::app::app;
use super::errors::{FieldResult, shop_error};
use super::objects::{AccountObject, OrderObject, Related};
use super::order_page::OrderPage;
use super::order_times::{read_times, selects_times};
use super::request::{budget, lists};
use super::selection::{inside, nodes_of};
use super::total_count::selects_count;

/// Where orders were read. What the journal has of them is read there, too: a replica may not have
/// the version that an owner has returned.
#[derive(Clone, Copy, Debug)]
pub(super) enum OrderSource {
    /// From the actors of their owners.
    Owners,
    /// By [`lists`].
    Lists,
}

/// Reads the accounts, products and times of `orders` that `selections` need.
async fn read_related(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    source: OrderSource,
    orders: &[Stored<Order>],
) -> FieldResult<Related> {
    let mut related = Related::default();
    let accounts = inside(selections, "account");
    if !accounts.is_empty() {
        related.accounts = read_accounts(context, &accounts, orders).await?;
    }
    let descriptions = inside(&inside(selections, "products"), "description");
    let products = inside(&inside(selections, "lines"), "product");
    if !descriptions.is_empty() || !products.is_empty() {
        related.products = read_products(context, orders).await?;
    }
    if selects_times(selections) {
        related.times = match source {
            OrderSource::Lists => read_times(context, lists(context).await, orders).await?,
            OrderSource::Owners => read_times(context, &app(context).shop.lists(), orders).await?,
        };
    }
    Ok(related)
}

/// The orders as objects. `selections` are the fields that select them.
pub(super) fn order_objects<'a>(
    context: &'a Context<'_>,
    selections: &'a [SelectionField<'_>],
    source: OrderSource,
    orders: Vec<Stored<Order>>,
) -> BoxFuture<'a, FieldResult<Vec<OrderObject>>> {
    // Boxed, because accounts of orders have orders again.
    Box::pin(async move {
        let related = Arc::new(read_related(context, selections, source, &orders).await?);
        let orders = orders.into_iter();
        Ok(orders
            .map(|order| OrderObject::new(order, related.clone()))
            .collect())
    })
}

/// One order of its owner as an object, for the current field.
pub(super) async fn order_object(
    context: &Context<'_>,
    order: Stored<Order>,
) -> FieldResult<OrderObject> {
    let mut orders = order_objects(
        context,
        &[context.field()],
        OrderSource::Owners,
        vec![order],
    )
    .await?;
    Ok(orders.pop().expect("as many objects as orders"))
}

async fn read_accounts(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    orders: &[Stored<Order>],
) -> FieldResult<HashMap<AccountId, AccountObject>> {
    let ids: HashSet<AccountId> = orders.iter().map(|order| order.state.account_id).collect();
    let ids: Vec<AccountId> = ids.into_iter().collect();
    let accounts = app(context)
        .shop
        .by_id()
        .accounts(&ids, budget(context))
        .await;
    let found = accounts.map_err(shop_error)?.into_iter().flatten();
    let mut accounts: Vec<AccountObject> = found.map(AccountObject::from).collect();
    prefetch_orders(context, selections, &mut accounts).await?;
    let accounts = accounts.into_iter();
    Ok(accounts
        .map(|account| (account.state().id, account))
        .collect())
}

async fn read_products(
    context: &Context<'_>,
    orders: &[Stored<Order>],
) -> FieldResult<HashMap<ProductId, Stored<Product>>> {
    let lines = orders.iter().flat_map(|order| &order.state.lines);
    let ids: HashSet<ProductId> = lines.map(|line| line.product_id).collect();
    let ids: Vec<ProductId> = ids.into_iter().collect();
    let products = app(context)
        .shop
        .by_id()
        .products(&ids, budget(context))
        .await;
    let found = products.map_err(shop_error)?.into_iter().flatten();
    Ok(found.map(|product| (product.state.id, product)).collect())
}

/// Reads a page of the orders of each of `accounts`. `fields` are the fields that request it.
pub(super) async fn read_pages(
    context: &Context<'_>,
    page: OrderPage,
    accounts: &[AccountId],
    fields: &[SelectionField<'_>],
) -> FieldResult<Vec<Vec<OrderObject>>> {
    let rows = lists(context).await;
    let pages = match page {
        OrderPage::Offset(page) => rows.orders_of(accounts, page, budget(context)).await,
        OrderPage::Keyset(page) => {
            rows.order_pages_by_key(accounts, page, budget(context))
                .await
        }
    };
    let pages = pages.map_err(shop_error)?;
    let selections = match page {
        OrderPage::Offset(_) => fields.to_vec(),
        OrderPage::Keyset(_) => nodes_of(fields),
    };
    // What belongs to the orders is read for all pages at once.
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    let orders = pages.into_iter().flatten().collect();
    let mut orders = order_objects(context, &selections, OrderSource::Lists, orders)
        .await?
        .into_iter();
    let page = |length: usize| orders.by_ref().take(length).collect();
    Ok(lengths.into_iter().map(page).collect())
}

/// Reads the orders of a list of accounts: one read for each page that `selections`, the fields
/// that select the accounts, request, and one for their counts if these are selected.
pub(crate) async fn prefetch_orders(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    accounts: &mut [AccountObject],
) -> FieldResult<()> {
    if accounts.len() < 2 {
        // One account reads its orders itself.
        return Ok(());
    }
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.state().id).collect();
    let inside = selections.iter().flat_map(SelectionField::selection_set);
    let inside: Vec<SelectionField<'_>> = inside.collect();
    let connections = inside
        .iter()
        .filter(|field| field.name() == "ordersConnection");
    let connections: Vec<SelectionField<'_>> = connections.copied().collect();
    if selects_count(&connections) {
        let counts = lists(context).await.count_orders_of(&ids).await;
        for (account, count) in accounts.iter_mut().zip(counts.map_err(shop_error)?) {
            account.set_order_count(count);
        }
    }
    let mut pages: Vec<(OrderPage, Vec<SelectionField<'_>>)> = Vec::new();
    for field in inside {
        let Some(page) = OrderPage::of(&field) else {
            continue;
        };
        match pages.iter_mut().find(|(known, _)| *known == page) {
            Some((_, fields)) => fields.push(field),
            None => pages.push((page, vec![field])),
        }
    }
    for (page, fields) in pages {
        let lists = read_pages(context, page, &ids, &fields).await?;
        for (account, orders) in accounts.iter_mut().zip(lists) {
            account.add_orders(page, orders);
        }
    }
    Ok(())
}
