//! The list of all orders.

use async_graphql::Context;
use fritzy_domain::{OrderInterval, OrderKey, OrderListPage, OrderSort, SortKey, TotalKey};

use super::app::app;
use super::budgeted::reserve_edges;
use super::connection::ListConnection;
use super::errors::{FieldResult, rejected, shop_error};
use super::objects::OrderObject;
use super::order_filter::{OrderFilterInput, OrderSortEnum};
use super::related::{OrderSource, order_objects};
use super::relay::{Cursor, Walk, Window, by_creation};
use super::request::{budget, lists};
use super::selection::nodes_of;
use super::total_count::{Counted, TotalCount};

/// Reads a page of the orders that `filter` admits.
pub(crate) async fn read_orders(
    context: &Context<'_>,
    filter: Option<OrderFilterInput>,
    sort: Option<OrderSortEnum>,
    window: Window,
) -> FieldResult<ListConnection<OrderObject>> {
    let currency = app(context).currency;
    let filter = filter.unwrap_or_default().check(currency);
    let filter = filter.map_err(rejected)?;
    let sort = sort.unwrap_or(OrderSortEnum::CreatedAsc);
    let walk = window.check(sort.list()).map_err(rejected)?;
    let page = page(&walk, sort);
    let slice = lists(context)
        .await
        .order_page(&filter, page, budget(context))
        .await;
    let slice = slice.map_err(shop_error)?;
    let mut orders = slice.orders;
    if sort.is_descending() {
        orders.reverse();
    }
    let more = walk.trim(&mut orders) || slice.stopped_at.is_some();
    reserve_edges(context, orders.len())?;
    let nodes = nodes_of(&[context.field()]);
    let orders = order_objects(context, &nodes, OrderSource::Lists, orders).await?;
    let key = |order: &OrderObject| order.key_by(sort.sort());
    let count = TotalCount::of(Counted::Orders(filter));
    let connection = walk.connection_by(orders, more, key, |order| order, count);
    // The page ended before it was full: the walk continues behind the last row looked at.
    Ok(match slice.stopped_at {
        None => connection,
        Some(key) if walk.from_end => connection.starting_at(Cursor::new(walk.list, key)),
        Some(key) => connection.ending_at(Cursor::new(walk.list, key)),
    })
}

/// The page to read: one row more than requested, of the ascending list. What is behind a row in the
/// descending list is before it there.
fn page(walk: &Walk, sort: OrderSortEnum) -> OrderListPage {
    let descending = sort.is_descending();
    let (after, before) = if descending {
        (walk.before, walk.after)
    } else {
        (walk.after, walk.before)
    };
    let interval = match sort.sort() {
        OrderSort::Creation => OrderInterval::Creation {
            after: after.and_then(by_creation),
            before: before.and_then(by_creation),
        },
        OrderSort::Total => OrderInterval::Total {
            after: after.and_then(by_total),
            before: before.and_then(by_total),
        },
    };
    OrderListPage {
        interval,
        take: walk.take + 1,
        from_end: walk.from_end != descending,
    }
}

/// The key of a list by totals; the cursors of such a list have no other.
const fn by_total(key: OrderKey) -> Option<TotalKey> {
    match key {
        OrderKey::Total(key) => Some(key),
        OrderKey::Creation(SortKey { .. }) => None,
    }
}
