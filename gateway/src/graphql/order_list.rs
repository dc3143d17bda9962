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
    let more = walk.trim(&mut orders);
    reserve_edges(context, orders.len())?;
    let nodes = nodes_of(&[context.field()]);
    let orders = order_objects(context, &nodes, OrderSource::Lists, orders).await?;
    let count = TotalCount::of(Counted::Orders(filter));
    Ok(connected(
        &walk,
        sort,
        orders,
        more,
        slice.stopped_at,
        count,
    ))
}

/// The connection of trimmed rows. A page that stopped before it was full continues behind the last
/// row looked at.
fn connected(
    walk: &Walk,
    sort: OrderSortEnum,
    orders: Vec<OrderObject>,
    more: bool,
    stopped_at: Option<OrderKey>,
    count: TotalCount,
) -> ListConnection<OrderObject> {
    let key = |order: &OrderObject| order.key_by(sort.sort());
    let more = more || stopped_at.is_some();
    let connection = ListConnection::of(walk, orders, more, key, |order| order, count);
    match stopped_at.map(|key| Cursor::new(walk.list, key)) {
        None => connection,
        Some(start) if walk.from_end => connection.starting_at(start),
        Some(end) => connection.ending_at(end),
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_graphql::connection::CursorType as _;
    use fritzy_domain::{
        AccountId, Annotations, Currency, Money, Order, OrderFilter, OrderId, OrderStatus, Stored,
    };
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;

    const SORTS: [OrderSortEnum; 4] = [
        OrderSortEnum::CreatedAsc,
        OrderSortEnum::CreatedDesc,
        OrderSortEnum::TotalAsc,
        OrderSortEnum::TotalDesc,
    ];

    fn order(number: u32) -> Order {
        let money = Money::from_minor_units(number.into(), Currency::USD);
        Order {
            id: OrderId::from_uuid(Uuid::from_u128(number.into())),
            account_id: AccountId::from_uuid(Uuid::nil()),
            created_at: Timestamp::from_micros(number.into()),
            status: OrderStatus::Created,
            lines: vec![],
            total: money.expect("in range"),
            cancel_reason: None,
            annotations: Annotations::default(),
        }
    }

    fn window(from_end: bool, cursor: Option<String>) -> Window {
        let (after, before) = if from_end {
            (None, cursor)
        } else {
            (cursor, None)
        };
        Window {
            after,
            before,
            first: (!from_end).then_some(9),
            last: from_end.then_some(9),
        }
    }

    /// The key that a page begins behind, in the ascending list; true if it ends before it instead.
    fn start(page: &OrderListPage) -> Option<(OrderKey, bool)> {
        let (after, before) = match page.interval {
            OrderInterval::Creation { after, before } => (
                after.map(OrderKey::Creation),
                before.map(OrderKey::Creation),
            ),
            OrderInterval::Total { after, before } => {
                (after.map(OrderKey::Total), before.map(OrderKey::Total))
            }
        };
        assert!(after.is_none() || before.is_none());
        let before = before.map(|key| (key, true));
        after.map(|key| (key, false)).or(before)
    }

    #[test]
    fn stopped_page_continues_behind_the_last_row_looked_at() {
        for sort in SORTS {
            for from_end in [false, true] {
                let check = |cursor| window(from_end, cursor).check(sort.list());
                let walk = check(None).expect("valid");
                let stopped_at = OrderKey::of(&order(77), sort.sort());
                for orders in [vec![], vec![order(50)]] {
                    let rows = orders.into_iter().map(|state| {
                        OrderObject::new(Stored { version: 1, state }, Arc::default())
                    });
                    let count = TotalCount::of(Counted::Orders(OrderFilter::default()));
                    let rows = rows.collect();
                    let page = connected(&walk, sort, rows, false, Some(stopped_at), count);
                    let info = page.info();
                    let (more, cursor) = if from_end {
                        (info.has_previous_page, info.start_cursor)
                    } else {
                        (info.has_next_page, info.end_cursor)
                    };
                    let expected = Cursor::new(sort.list(), stopped_at).encode_cursor();
                    assert_eq!((more, cursor.as_ref()), (true, Some(&expected)), "{sort:?}");
                    let next = super::page(&check(cursor).expect("its own cursor"), sort);
                    let descends = from_end != sort.is_descending();
                    assert_eq!(start(&next), Some((stopped_at, descends)), "{sort:?}");
                    assert_eq!((next.take, next.from_end), (10, descends));
                }
            }
        }
    }
}
