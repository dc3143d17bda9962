//! Creates accounts, products and orders, and checks the responses.

use super::api::{
    CREATE_ACCOUNT, CREATE_ORDER, CREATE_PRODUCT, CreatedAccount, CreatedOrder, CreatedProduct,
};
use super::difference::{Differences, Kind};
use super::orders::OrderBook;
use super::outcome::{CreatedIds, ReplayError};
use super::plan;
use super::progress::Phase;
use super::reconcile::{check_account, check_product, check_total};
use super::session::{Item, Session};
use crate::CallError;

/// Creates everything and returns the ids. Wrong responses are added to `differences`.
pub(super) async fn create_all(
    session: &Session<'_>,
    book: &OrderBook,
    differences: &mut Differences,
) -> Result<CreatedIds, ReplayError> {
    let accounts = accounts(session, book, differences).await?;
    let products = products(session, book, differences).await?;
    let orders = orders(session, book, &accounts, &products, differences).await?;
    Ok(CreatedIds {
        accounts,
        products,
        orders,
    })
}

async fn accounts(
    session: &Session<'_>,
    book: &OrderBook,
    differences: &mut Differences,
) -> Result<Vec<String>, ReplayError> {
    let count = book.accounts.len();
    let mut ids = vec![String::new(); count];
    let create = |number: usize| async move {
        let reference = &book.accounts[number];
        let item = item(Phase::Accounts, Kind::Account, reference);
        let variables = plan::create_account(&session.options.key_prefix, reference);
        let created: CreatedAccount = session.call(item, CREATE_ACCOUNT, &variables).await?;
        created.account.ok_or_else(|| null_response(item))
    };
    let take = |number: usize, account: super::api::AccountHead| {
        check_account(
            &book.accounts[number],
            &account.id,
            &account.name,
            differences,
        );
        ids[number] = account.id;
    };
    session.each(Phase::Accounts, count, create, take).await?;
    Ok(ids)
}

async fn products(
    session: &Session<'_>,
    book: &OrderBook,
    differences: &mut Differences,
) -> Result<Vec<String>, ReplayError> {
    let count = book.products.len();
    let mut ids = vec![String::new(); count];
    let create = |number: usize| async move {
        let product = &book.products[number];
        let item = item(Phase::Products, Kind::Product, &product.reference);
        let variables = plan::create_product(&session.options.key_prefix, product);
        let created: CreatedProduct = session.call(item, CREATE_PRODUCT, &variables).await?;
        created.product.ok_or_else(|| null_response(item))
    };
    let take = |number: usize, product: super::api::ProductResponse| {
        check_product(&book.products[number], &product, differences);
        ids[number] = product.id;
    };
    session.each(Phase::Products, count, create, take).await?;
    Ok(ids)
}

async fn orders(
    session: &Session<'_>,
    book: &OrderBook,
    accounts: &[String],
    products: &[String],
    differences: &mut Differences,
) -> Result<Vec<String>, ReplayError> {
    let count = book.orders.len();
    let mut ids = vec![String::new(); count];
    let create = |number: usize| async move {
        let order = &book.orders[number];
        let item = item(Phase::Orders, Kind::Order, &order.reference);
        let prefix = &session.options.key_prefix;
        let variables = plan::create_order(prefix, order, &accounts[order.account], products);
        let created: CreatedOrder = session.call(item, CREATE_ORDER, &variables).await?;
        created.order.ok_or_else(|| null_response(item))
    };
    let take = |number: usize, head: super::api::OrderHead| {
        let origin = " in createOrder's response";
        let (price, money) = (&head.total_price, &head.total_money);
        check_total(
            &book.orders[number],
            &head.id,
            price,
            money,
            origin,
            differences,
        );
        ids[number] = head.id;
    };
    session.each(Phase::Orders, count, create, take).await?;
    Ok(ids)
}

fn item(phase: Phase, kind: Kind, reference: &str) -> Item<'_> {
    Item {
        phase,
        kind,
        reference,
    }
}

/// The schema allows null; without an error it has no meaning.
fn null_response(item: Item<'_>) -> ReplayError {
    item.rejected(CallError::Protocol(
        "the creation returned null without an error".to_owned(),
    ))
}
