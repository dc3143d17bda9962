//! Asks the node for every account with all its orders, and for every product.

use std::collections::HashSet;

use super::api::{
    AccountRead, AccountsPage, ProductAnswer, ProductsAnswer, READ_ACCOUNT, READ_PRODUCT,
};
use super::difference::Kind;
use super::orders::OrderBook;
use super::outcome::{PlacedIds, ReplayError};
use super::plan;
use super::progress::Phase;
use super::reconcile::Reconciler;
use super::session::{Item, Session};
use crate::CallError;

/// Orders asked for at once: the API's own default.
const PAGE: usize = 100;

/// Reads everything back and hands it to `reconciler` as it comes.
pub(super) async fn read_back(
    session: &Session<'_>,
    book: &OrderBook,
    ids: &PlacedIds,
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
    let take = |number: usize, read: Option<ProductAnswer>| reconciler.product(number, read);
    let count = book.products.len();
    session
        .each(Phase::ProductsReadBack, count, product, take)
        .await
}

/// One account with the orders of all pages; `None` when the node does not have it.
async fn read_account(
    session: &Session<'_>,
    item: Item<'_>,
    id: &str,
) -> Result<Option<AccountRead>, ReplayError> {
    let mut read: Option<AccountRead> = None;
    let mut seen = HashSet::new();
    for page in 0.. {
        let variables = plan::read_account(id, page * PAGE, PAGE);
        let answer = session.call::<AccountsPage>(item, READ_ACCOUNT, &variables);
        let Some(answer) = absent_as_none(answer.await, "ACCOUNT_NOT_FOUND")? else {
            return Ok(None);
        };
        let Some(account) = only(item, answer.accounts, |account| account.id == id)? else {
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
        // A node that ignores `skip` answers the first page for ever; a page without anything new ends that.
        if length < PAGE || new == 0 {
            break;
        }
    }
    Ok(read)
}

/// One product; `None` when the node does not have it.
async fn read_product(
    session: &Session<'_>,
    item: Item<'_>,
    id: &str,
) -> Result<Option<ProductAnswer>, ReplayError> {
    let variables = plan::read_product(id);
    let answer = session.call::<ProductsAnswer>(item, READ_PRODUCT, &variables);
    let answer = absent_as_none(answer.await, "PRODUCT_NOT_FOUND")?;
    answer.map_or(Ok(None), |answer| {
        only(item, answer.products, |product| product.id == id)
    })
}

/// A read by id answers one entry or none. Anything else is not an answer to the question.
fn only<T>(
    item: Item<'_>,
    mut entries: Vec<T>,
    is_asked_for: impl Fn(&T) -> bool,
) -> Result<Option<T>, ReplayError> {
    let count = entries.len();
    match entries.pop() {
        None => Ok(None),
        Some(entry) if count == 1 && is_asked_for(&entry) => Ok(Some(entry)),
        Some(_) => {
            let answered = format!("{count} entries, or another one, answered for one id");
            Err(item.refused(CallError::Protocol(answered)))
        }
    }
}

/// A lost entry is a difference to name, not a reason to stop, however the node says that it is not there.
fn absent_as_none<T>(answer: Result<T, ReplayError>, code: &str) -> Result<Option<T>, ReplayError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some(code) => Ok(None),
        Err(error) => Err(error),
    }
}
