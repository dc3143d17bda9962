//! Reads every account with all its orders, and every product.

use std::collections::HashSet;

use super::api::{
    AccountRead, AccountsPage, ProductResponse, ProductsResponse, READ_ACCOUNT, READ_PRODUCT,
};
use super::difference::Kind;
use super::orders::OrderBook;
use super::outcome::{CreatedIds, ReplayError};
use super::plan;
use super::progress::Phase;
use super::reconcile::Reconciler;
use super::session::{Item, Session};
use crate::CallError;

/// Orders per page: the API's default.
const PAGE: usize = 100;

/// Reads everything back and passes it to `reconciler`.
pub(super) async fn read_back(
    session: &Session<'_>,
    book: &OrderBook,
    ids: &CreatedIds,
    reconciler: &mut Reconciler<'_>,
) -> Result<(), ReplayError> {
    let account = |number: usize| async move {
        let item = Item {
            phase: Phase::AccountsReadBack,
            kind: Kind::Account,
            reference: &book.accounts[number],
        };
        read_account(session, item, &ids.accounts[number]).await
    };
    let take = |number: usize, read: Option<AccountRead>| reconciler.account(number, read);
    let count = book.accounts.len();
    session
        .each(Phase::AccountsReadBack, count, account, take)
        .await?;

    let product = |number: usize| async move {
        let item = Item {
            phase: Phase::ProductsReadBack,
            kind: Kind::Product,
            reference: &book.products[number].reference,
        };
        read_product(session, item, &ids.products[number]).await
    };
    let take = |number: usize, read: Option<ProductResponse>| reconciler.product(number, read);
    let count = book.products.len();
    session
        .each(Phase::ProductsReadBack, count, product, take)
        .await
}

/// One account with the orders of all pages; `None` if the node does not have it.
async fn read_account(
    session: &Session<'_>,
    item: Item<'_>,
    id: &str,
) -> Result<Option<AccountRead>, ReplayError> {
    let mut read: Option<AccountRead> = None;
    let mut seen = HashSet::new();
    for page in 0.. {
        let variables = plan::read_account(id, page * PAGE, PAGE);
        let response = session.call::<AccountsPage>(item, READ_ACCOUNT, &variables);
        let Some(response) = absent_as_none(response.await, "ACCOUNT_NOT_FOUND")? else {
            return Ok(None);
        };
        let Some(account) = only(item, response.accounts, |account| account.id == id)? else {
            return Ok(None);
        };
        let length = account.orders.len();
        let mut new = 0;
        for order in &account.orders {
            new += usize::from(seen.insert(order.id.clone()));
        }
        match &mut read {
            None => {
                read = Some(AccountRead {
                    id: account.id,
                    name: account.name,
                    orders: account.orders,
                })
            }
            Some(read) => read.orders.extend(account.orders),
        }
        // A node that ignores `skip` always returns the first page; a page without new orders ends
        // the loop.
        if length < PAGE || new == 0 {
            break;
        }
    }
    Ok(read)
}

/// One product; `None` if the node does not have it.
async fn read_product(
    session: &Session<'_>,
    item: Item<'_>,
    id: &str,
) -> Result<Option<ProductResponse>, ReplayError> {
    let variables = plan::read_product(id);
    let response = session.call::<ProductsResponse>(item, READ_PRODUCT, &variables);
    let response = absent_as_none(response.await, "PRODUCT_NOT_FOUND")?;
    response.map_or(Ok(None), |response| {
        only(item, response.products, |product| product.id == id)
    })
}

/// A read by id returns one entry or none; anything else is an error.
fn only<T>(
    item: Item<'_>,
    mut entries: Vec<T>,
    is_requested: impl Fn(&T) -> bool,
) -> Result<Option<T>, ReplayError> {
    let count = entries.len();
    match entries.pop() {
        None => Ok(None),
        Some(entry) if count == 1 && is_requested(&entry) => Ok(Some(entry)),
        Some(_) => {
            let reason = format!("{count} entries, or a different one, returned for one id");
            Err(item.rejected(CallError::Protocol(reason)))
        }
    }
}

/// A missing entry is a difference and not a reason to stop, however the node reports it.
fn absent_as_none<T>(
    response: Result<T, ReplayError>,
    code: &str,
) -> Result<Option<T>, ReplayError> {
    match response {
        Ok(response) => Ok(Some(response)),
        Err(error) if error.code() == Some(code) => Ok(None),
        Err(error) => Err(error),
    }
}
