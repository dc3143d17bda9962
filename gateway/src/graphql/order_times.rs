//! When orders changed: read from the journal, for all orders of a list at once.

use std::collections::HashMap;

use async_graphql::{Context, SelectionField};
use fritzy_actors::Lists;
use fritzy_domain::{Order, OrderId, OrderTimes, Stored};

use super::app::app;
use super::errors::{FieldResult, shop_error};
use super::objects::OrderObject;
use super::request::budget;
use super::selection::inside;

/// The fields of an order that need its times.
const TIME_FIELDS: [&str; 2] = ["updatedAt", "closedAt"];

/// Whether `selections`, which select orders, include their times.
pub(super) fn selects_times(selections: &[SelectionField<'_>]) -> bool {
    let mut fields = TIME_FIELDS.iter();
    fields.any(|field| !inside(selections, field).is_empty())
}

/// The times of those `orders` that have changed since they were placed, in one read of `lists`,
/// where the orders were read.
pub(super) async fn read_times(
    context: &Context<'_>,
    lists: &Lists,
    orders: &[Stored<Order>],
) -> FieldResult<HashMap<OrderId, OrderTimes>> {
    let changed = orders.iter().filter(|order| order.version > 1);
    let ids: Vec<_> = changed
        .map(|order| (order.state.id, order.version))
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let times = lists.order_times(&ids, budget(context)).await;
    let times = times.map_err(shop_error)?.into_iter();
    Ok(ids.iter().map(|(id, _)| *id).zip(times).collect())
}

/// The times of an order: read with it, or now from the primary, which has every version that was
/// returned.
pub(super) async fn times_of(
    context: &Context<'_>,
    order: &OrderObject,
) -> FieldResult<OrderTimes> {
    if let Some(times) = order.known_times() {
        return Ok(times);
    }
    let id = (order.order_id(), order.at_version());
    let lists = app(context).shop.lists();
    let times = lists.order_times(&[id], budget(context)).await;
    let times = times.map_err(|error| shop_error(error).at(context))?;
    Ok(times.first().copied().expect("one for each order"))
}
