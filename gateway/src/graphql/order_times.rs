//! When orders changed: read from the journal, for all orders of a list at once.

use async_graphql::{Context, SelectionField};

use super::errors::{FieldResult, shop_error};
use super::order::OrderObject;
use super::request::{budget, lists};
use super::selection::inside;

/// The fields of an order that need its times.
const TIME_FIELDS: [&str; 2] = ["updatedAt", "closedAt"];

/// Adds the times of `orders` that were read from [`lists`], if `selections`, which select these
/// orders, include any: one read for all of them, where they were read.
pub(crate) async fn attach_times(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    orders: &mut [&mut OrderObject],
) -> FieldResult<()> {
    let mut fields = TIME_FIELDS.iter();
    if !fields.any(|field| !inside(selections, field).is_empty()) {
        return Ok(());
    }
    let unknown: Vec<&mut OrderObject> = orders
        .iter_mut()
        .map(|order| &mut **order)
        .filter(|order| order.known_times().is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = unknown.iter().map(|order| order.id_and_version()).collect();
    let times = lists(context)
        .await
        .order_times(&ids, budget(context))
        .await;
    let times = times.map_err(shop_error)?;
    for (order, times) in unknown.into_iter().zip(times) {
        order.set_times(times);
    }
    Ok(())
}
