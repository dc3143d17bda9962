//! The accounts and products of orders, read for all orders of a list at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::{Context, SelectionField};
use fritzy_domain::{AccountId, Order, Product, ProductId, Stored};
use futures_util::future::BoxFuture;

use super::account::AccountObject;
use super::app::app;
use super::errors::{FieldResult, shop_error};
use super::order::OrderObject;
use super::prefetch::prefetch_orders;
use super::request::budget;
use super::selection::inside;

/// What the selected fields of some orders need besides the orders. Nothing is read for fields
/// that are not selected.
#[derive(Default)]
pub(super) struct Related {
    accounts: HashMap<AccountId, AccountObject>,
    products: HashMap<ProductId, Stored<Product>>,
}

impl Related {
    /// Reads the accounts and products of `orders` that `selections` need.
    async fn read(
        context: &Context<'_>,
        selections: &[SelectionField<'_>],
        orders: &[Stored<Order>],
    ) -> FieldResult<Self> {
        let mut related = Self::default();
        let accounts = inside(selections, "account");
        if !accounts.is_empty() {
            related.accounts = read_accounts(context, &accounts, orders).await?;
        }
        let descriptions = inside(&inside(selections, "products"), "description");
        let products = inside(&inside(selections, "lines"), "product");
        if !descriptions.is_empty() || !products.is_empty() {
            related.products = read_products(context, orders).await?;
        }
        Ok(related)
    }

    pub(super) fn account(&self, id: AccountId) -> Option<AccountObject> {
        self.accounts.get(&id).cloned()
    }

    pub(super) fn product(&self, id: ProductId) -> Option<&Stored<Product>> {
        self.products.get(&id)
    }
}

/// The orders as objects. `selections` are the fields that select them.
pub(super) fn order_objects<'a>(
    context: &'a Context<'_>,
    selections: &'a [SelectionField<'_>],
    orders: Vec<Stored<Order>>,
) -> BoxFuture<'a, FieldResult<Vec<OrderObject>>> {
    // Boxed, because accounts of orders have orders again.
    Box::pin(async move {
        let related = Arc::new(Related::read(context, selections, &orders).await?);
        let orders = orders.into_iter();
        Ok(orders
            .map(|order| OrderObject::new(order, related.clone()))
            .collect())
    })
}

/// One order as an object, for the current field.
pub(super) async fn order_object(
    context: &Context<'_>,
    order: Stored<Order>,
) -> FieldResult<OrderObject> {
    let mut orders = order_objects(context, &[context.field()], vec![order]).await?;
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
        .accounts_by_id(&ids, budget(context))
        .await;
    let found = accounts.map_err(shop_error)?.into_iter().flatten();
    let mut accounts: Vec<AccountObject> = found.map(AccountObject::from).collect();
    prefetch_orders(context, selections, &mut accounts).await?;
    let accounts = accounts.into_iter();
    Ok(accounts
        .map(|account| (account.account_id(), account))
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
        .products_by_id(&ids, budget(context))
        .await;
    let found = products.map_err(shop_error)?.into_iter().flatten();
    Ok(found.map(|product| (product.state.id, product)).collect())
}
