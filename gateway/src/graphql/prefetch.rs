//! Prefetches the orders of a list of accounts, and their counts, one read for all accounts instead of one for each.

use async_graphql::{Context, SelectionField};
use fritzy_domain::AccountId;

use super::account::AccountObject;
use super::errors::{FieldResult, shop_error};
use super::order_page::OrderPage;
use super::request::lists;
use super::total_count::selects_count;

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
    let ids: Vec<AccountId> = accounts.iter().map(AccountObject::account_id).collect();
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
        let lists = page.read(context, &ids, &fields).await?;
        for (account, orders) in accounts.iter_mut().zip(lists) {
            account.add_orders(page, orders);
        }
    }
    Ok(())
}
