//! The states of a batch, sorted by the parts of the statement that write them.

use fritzy_domain::{Account, Order, Product, State};

use crate::committer::Sequenced;

/// A state with its append.
pub(super) type Row<'a, T> = (&'a Sequenced<'a>, &'a T);

/// The states of a batch, by kind, by whether they are new, and by whether their annotations are
/// written.
#[derive(Default)]
pub(super) struct States<'a> {
    pub(super) new_accounts: Vec<Row<'a, Account>>,
    pub(super) new_products: Vec<Row<'a, Product>>,
    pub(super) new_orders: Vec<Row<'a, Order>>,
    pub(super) changed_accounts: Vec<Row<'a, Account>>,
    pub(super) changed_products: Vec<Row<'a, Product>>,
    pub(super) changed_orders: Vec<Row<'a, Order>>,
    pub(super) annotated_accounts: Vec<Row<'a, Account>>,
    pub(super) annotated_products: Vec<Row<'a, Product>>,
    pub(super) annotated_orders: Vec<Row<'a, Order>>,
}

impl<'a> States<'a> {
    pub(super) fn of(batch: &'a [Sequenced<'a>]) -> Self {
        let mut states = Self::default();
        for sequenced in batch {
            let new = sequenced.append.expected_version == 0;
            let annotated = sequenced.append.annotates();
            match &sequenced.append.state {
                State::Account(account) if annotated => {
                    states.annotated_accounts.push((sequenced, account));
                }
                State::Product(product) if annotated => {
                    states.annotated_products.push((sequenced, product));
                }
                State::Order(order) if annotated => {
                    states.annotated_orders.push((sequenced, order));
                }
                State::Account(account) if new => states.new_accounts.push((sequenced, account)),
                State::Account(account) => states.changed_accounts.push((sequenced, account)),
                State::Product(product) if new => states.new_products.push((sequenced, product)),
                State::Product(product) => states.changed_products.push((sequenced, product)),
                State::Order(order) if new => states.new_orders.push((sequenced, order)),
                State::Order(order) => states.changed_orders.push((sequenced, order)),
            }
        }
        states
    }
}
