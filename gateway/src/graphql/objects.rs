//! Accounts and orders as objects of the API, each with what was read for the fields that are
//! selected of it. Accounts have orders, and orders have accounts: so both are in one file. Their
//! fields are in `account`, `order` and `order_line`.

use std::collections::HashMap;
use std::sync::Arc;

use fritzy_domain::{
    Account, AccountId, Money, Order, OrderId, OrderKey, OrderLine, OrderSort, OrderTimes, Product,
    ProductId, RowCount, SortKey, Stored, Version,
};

use super::order_page::OrderPage;

/// A customer as a GraphQL object, at one version.
#[derive(Clone)]
pub struct AccountObject {
    account: Account,
    version: Version,
    /// Prefetched pages of its orders.
    orders: Vec<(OrderPage, Vec<OrderObject>)>,
    /// The prefetched number of its orders.
    order_count: Option<RowCount>,
}

impl From<Stored<Account>> for AccountObject {
    fn from(account: Stored<Account>) -> Self {
        let Stored {
            version,
            state: account,
        } = account;
        Self {
            account,
            version,
            orders: Vec::new(),
            order_count: None,
        }
    }
}

impl AccountObject {
    pub(super) const fn state(&self) -> &Account {
        &self.account
    }

    pub(super) const fn at_version(&self) -> Version {
        self.version
    }

    /// Its sort key among all accounts.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.account.created_at,
            id: *self.account.id.as_uuid(),
        }
    }

    pub(super) fn add_orders(&mut self, page: OrderPage, orders: Vec<OrderObject>) {
        self.orders.push((page, orders));
    }

    pub(super) const fn set_order_count(&mut self, count: RowCount) {
        self.order_count = Some(count);
    }

    /// The number of its orders, if it was prefetched.
    pub(super) const fn order_count(&self) -> Option<RowCount> {
        self.order_count
    }

    /// A page of its orders, if it was prefetched.
    pub(super) fn prefetched(&self, page: OrderPage) -> Option<&[OrderObject]> {
        let mut known = self.orders.iter();
        let (_, orders) = known.find(|(known, _)| *known == page)?;
        Some(orders)
    }
}

/// An order at one version.
#[derive(Clone)]
pub(crate) struct OrderObject {
    order: Arc<Order>,
    version: Version,
    related: Arc<Related>,
}

/// What the selected fields of some orders need besides the orders. Nothing is read for fields that
/// are not selected.
#[derive(Default)]
pub(super) struct Related {
    pub(super) accounts: HashMap<AccountId, AccountObject>,
    pub(super) products: HashMap<ProductId, Stored<Product>>,
    /// When the orders changed, as far as their states do not say it.
    pub(super) times: HashMap<OrderId, OrderTimes>,
}

impl OrderObject {
    /// The order, with what was read for its selected fields.
    pub(super) fn new(order: Stored<Order>, related: Arc<Related>) -> Self {
        Self {
            order: Arc::new(order.state),
            version: order.version,
            related,
        }
    }

    pub(super) fn state(&self) -> &Order {
        &self.order
    }

    pub(super) fn order_id(&self) -> OrderId {
        self.order.id
    }

    pub(super) const fn at_version(&self) -> Version {
        self.version
    }

    /// Its sort key among the orders of its account.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.order.created_at,
            id: *self.order.id.as_uuid(),
        }
    }

    /// Its key in the list of all orders.
    pub(super) fn key_by(&self, sort: OrderSort) -> OrderKey {
        OrderKey::of(&self.order, sort)
    }

    /// When it changed, if that was read or its state says it.
    pub(super) fn known_times(&self) -> Option<OrderTimes> {
        let created = OrderTimes {
            updated_at: self.order.created_at,
            closed_at: None,
        };
        let read = self.related.times.get(&self.order.id).copied();
        read.or_else(|| (self.version == 1).then_some(created))
    }

    /// The account that ordered, if it was read.
    pub(super) fn ordered_by(&self) -> Option<&AccountObject> {
        self.related.accounts.get(&self.order.account_id)
    }

    pub(super) fn line_refs(&self) -> impl Iterator<Item = LineRef> {
        let lines = 0..self.order.lines.len();
        lines.map(|index| LineRef {
            order: self.order.clone(),
            related: self.related.clone(),
            index,
        })
    }
}

/// A line of an order.
pub(super) struct LineRef {
    order: Arc<Order>,
    related: Arc<Related>,
    index: usize,
}

impl LineRef {
    pub(super) fn line(&self) -> &OrderLine {
        &self.order.lines[self.index]
    }

    pub(super) fn order_id(&self) -> OrderId {
        self.order.id
    }

    /// Its number in the order, from 1.
    pub(super) const fn number(&self) -> usize {
        self.index + 1
    }

    /// The product, if it was read.
    pub(super) fn product(&self) -> Option<&Stored<Product>> {
        self.related.products.get(&self.line().product_id)
    }

    pub(super) fn unit_price(&self) -> Money {
        self.money(self.line().unit_price_minor)
    }

    pub(super) fn total(&self) -> Money {
        let line = self.line();
        self.money(line.unit_price_minor * i64::from(line.quantity))
    }

    fn money(&self, minor_units: i64) -> Money {
        let currency = self.order.total.currency();
        Money::from_minor_units(minor_units, currency)
            .expect("prices and totals of lines were validated when the order was decided")
    }
}
