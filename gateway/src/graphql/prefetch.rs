//! Prefetches the orders of a list of accounts, one read for all accounts instead of one for each.

use async_graphql::{Context, SelectionField};
use fritzy_domain::AccountId;

use super::account::AccountObject;
use super::errors::FieldResult;
use super::order_page::OrderPage;

/// Reads the orders of a list of accounts: one read for each page that `selections`, the fields
/// that select the accounts, request.
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
