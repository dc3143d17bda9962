//! Compares the data that was read back with the file, to the cent and without IO.

use std::collections::{HashMap, HashSet};

use super::api::{AccountRead, LineResponse, Money, NumberText, OrderResponse, ProductResponse};
use super::difference::{Differences, EntryRef, Finding, Kind};
use super::orders::{Line, Order, OrderBook, Product, Totals};
use super::outcome::CreatedIds;
use crate::Cents;

/// The comparison; it takes one account or product at a time in any order.
pub(super) struct Reconciler<'a> {
    book: &'a OrderBook,
    ids: &'a CreatedIds,
    order_numbers: HashMap<&'a str, usize>,
    product_numbers: HashMap<&'a str, usize>,
    orders_of_account: Vec<Vec<usize>>,
    read: Totals,
    differences: Differences,
}

impl<'a> Reconciler<'a> {
    pub(super) fn new(book: &'a OrderBook, ids: &'a CreatedIds, differences: Differences) -> Self {
        let mut differences = differences;
        let accounts = book.accounts.iter().map(String::as_str);
        let products = book
            .products
            .iter()
            .map(|product| product.reference.as_str());
        let orders = book.orders.iter().map(|order| order.reference.as_str());
        numbers(Kind::Account, &ids.accounts, accounts, &mut differences);
        let product_numbers = numbers(Kind::Product, &ids.products, products, &mut differences);
        let order_numbers = numbers(Kind::Order, &ids.orders, orders, &mut differences);
        let mut orders_of_account = vec![Vec::new(); book.accounts.len()];
        for (number, order) in book.orders.iter().enumerate() {
            orders_of_account[order.account].push(number);
        }
        Self {
            book,
            ids,
            order_numbers,
            product_numbers,
            orders_of_account,
            read: Totals::default(),
            differences,
        }
    }

    /// Compares one account and its orders; `None` if the node does not have it.
    pub(super) fn account(&mut self, number: usize, read: Option<AccountRead>) {
        let reference = &self.book.accounts[number];
        let mut listed = HashSet::new();
        if let Some(read) = &read {
            self.read.accounts += 1;
            check_account(reference, &read.id, &read.name, &mut self.differences);
            for order in &read.orders {
                if listed.insert(order.id.as_str()) {
                    self.order(number, order);
                } else {
                    self.differences
                        .add(self.order_entry(&order.id), Finding::ListedTwice);
                }
            }
        } else {
            let id = &self.ids.accounts[number];
            self.differences
                .add(entry(Kind::Account, reference, id), Finding::Missing);
        }
        for &order in &self.orders_of_account[number] {
            let id = self.ids.orders[order].as_str();
            if !listed.contains(id) {
                let reference = &self.book.orders[order].reference;
                self.differences
                    .add(entry(Kind::Order, reference, id), Finding::Missing);
            }
        }
    }

    /// Compares one product; `None` if the node does not have it.
    pub(super) fn product(&mut self, number: usize, read: Option<ProductResponse>) {
        let product = &self.book.products[number];
        if let Some(read) = &read {
            self.read.products += 1;
            check_product(product, read, &mut self.differences);
        } else {
            let entry = entry(
                Kind::Product,
                &product.reference,
                &self.ids.products[number],
            );
            self.differences.add(entry, Finding::Missing);
        }
    }

    /// The totals that were read back, and all differences.
    pub(super) fn finish(self) -> (Totals, Differences) {
        let Self {
            book,
            read,
            mut differences,
            ..
        } = self;
        let expected = book.totals();
        // Every difference has its own finding. If one is forgotten, the counts still show it.
        if differences.count() == 0 && read != expected {
            let all = entry(Kind::Order, "(all)", "");
            let (found, expected) = (read.to_string(), expected.to_string());
            differences.add(all, Finding::Counts { found, expected });
        }
        (read, differences)
    }

    /// Counts one order of an account's list, and compares it if it is in the file.
    fn order(&mut self, account: usize, read: &OrderResponse) {
        self.read.orders += 1;
        let units = read
            .products
            .iter()
            .map(|line| u64::try_from(line.quantity).unwrap_or(0));
        self.read.units = units.fold(self.read.units, u64::saturating_add);
        let total = read.total_price.amount().unwrap_or_default();
        self.read.total = self.read.total.accumulate(total);

        let found_under = self.book.accounts[account].clone();
        let Some(&number) = self.order_numbers.get(read.id.as_str()) else {
            let finding = Finding::NotPlaced {
                account: found_under,
            };
            return self.differences.add(self.order_entry(&read.id), finding);
        };
        let order = &self.book.orders[number];
        if order.account != account {
            let finding = Finding::UnderOtherAccount {
                found: found_under,
                expected: self.book.accounts[order.account].clone(),
            };
            self.differences.add(self.order_entry(&read.id), finding);
        }
        let (price, money) = (&read.total_price, &read.total_money);
        check_total(order, &read.id, price, money, "", &mut self.differences);
        self.lines(order, read);
    }

    fn lines(&mut self, order: &Order, read: &OrderResponse) {
        let mut open: HashMap<usize, Line> = order
            .lines
            .iter()
            .map(|line| (line.product, *line))
            .collect();
        for line in &read.products {
            let known = self.product_numbers.get(line.id.as_str());
            if let Some(expected) = known.and_then(|number| open.remove(number)) {
                let product = &self.book.products[expected.product];
                let entry = entry(Kind::Order, &order.reference, &read.id);
                check_line(&entry, expected, product, line, &mut self.differences);
            } else {
                let finding = Finding::LineNotOrdered {
                    product_id: line.id.clone(),
                };
                self.differences.add(self.order_entry(&read.id), finding);
            }
        }
        for line in order
            .lines
            .iter()
            .filter(|line| open.contains_key(&line.product))
        {
            let product = self.book.products[line.product].reference.clone();
            self.differences
                .add(self.order_entry(&read.id), Finding::LineMissing { product });
        }
    }

    fn order_entry(&self, id: &str) -> EntryRef {
        let number = self.order_numbers.get(id);
        EntryRef {
            kind: Kind::Order,
            reference: number.map(|&number| self.book.orders[number].reference.clone()),
            id: id.to_owned(),
        }
    }
}

/// The number of the entry of each id. One id for two refs is a difference.
fn numbers<'a>(
    kind: Kind,
    ids: &'a [String],
    references: impl Iterator<Item = &'a str> + Clone,
    differences: &mut Differences,
) -> HashMap<&'a str, usize> {
    let mut numbers = HashMap::with_capacity(ids.len());
    let refs: Vec<&str> = references.collect();
    for (number, id) in ids.iter().enumerate() {
        if let Some(before) = numbers.insert(id.as_str(), number) {
            let reference = refs[before].to_owned();
            differences.add(
                entry(kind, refs[number], id),
                Finding::SameIdAs { reference },
            );
        }
    }
    numbers
}

/// Compares the account's name, which is its ref.
pub(super) fn check_account(reference: &str, id: &str, name: &str, differences: &mut Differences) {
    let entry = entry(Kind::Account, reference, id);
    check(
        &entry,
        "name",
        name,
        name == reference,
        reference,
        differences,
    );
}

/// Compares name, description, and the price in both forms.
pub(super) fn check_product(
    product: &Product,
    read: &ProductResponse,
    differences: &mut Differences,
) {
    let entry = entry(Kind::Product, &product.reference, &read.id);
    let (name, reference) = (&product.name, &product.reference);
    check(
        &entry,
        "name",
        &read.name,
        read.name == *name,
        name,
        differences,
    );
    let same = read.description == *reference;
    check(
        &entry,
        "description",
        &read.description,
        same,
        reference,
        differences,
    );
    let minor_units = &read.price_money.minor_units;
    check_price(
        &entry,
        "price",
        &read.price,
        minor_units,
        product.price,
        differences,
    );
}

/// Compares an order's total in all its forms. `origin` is appended to the field's name.
pub(super) fn check_total(
    order: &Order,
    id: &str,
    price: &NumberText,
    money: &Money,
    origin: &str,
    differences: &mut Differences,
) {
    let entry = entry(Kind::Order, &order.reference, id);
    let total = order.total;
    let field = format!("totalPrice{origin}");
    check_price(
        &entry,
        &field,
        price,
        &money.minor_units,
        total,
        differences,
    );
    let field = format!("totalMoney.amount{origin}");
    let (amount, expected) = (&money.amount, total.to_string());
    check(
        &entry,
        &field,
        amount,
        *amount == expected,
        &expected,
        differences,
    );
}

fn check_line(
    entry: &EntryRef,
    expected: Line,
    product: &Product,
    read: &LineResponse,
    differences: &mut Differences,
) {
    let field = |name: &str| format!("{name} of {}", product.reference);
    let same = read.name == product.name;
    check(
        entry,
        &field("name"),
        &read.name,
        same,
        &product.name,
        differences,
    );
    let (found, same) = (
        read.quantity.to_string(),
        read.quantity == i64::from(expected.quantity),
    );
    let quantity = expected.quantity.to_string();
    check(
        entry,
        &field("quantity"),
        &found,
        same,
        &quantity,
        differences,
    );
    let minor_units = &read.price_money.minor_units;
    check_price(
        entry,
        &field("price"),
        &read.price,
        minor_units,
        product.price,
        differences,
    );
}

/// Compares one amount in both forms: the number of old clients, and the minor units of new ones.
fn check_price(
    entry: &EntryRef,
    field: &str,
    price: &NumberText,
    minor_units: &NumberText,
    expected: Cents,
    differences: &mut Differences,
) {
    let same = price.amount() == Some(expected);
    check(
        entry,
        field,
        price.as_str(),
        same,
        &expected.to_string(),
        differences,
    );
    let same = minor_units.minor_units() == Some(expected);
    let (field, cents) = (format!("minorUnits of {field}"), expected.get().to_string());
    check(
        entry,
        &field,
        minor_units.as_str(),
        same,
        &cents,
        differences,
    );
}

fn check(
    entry: &EntryRef,
    field: &str,
    found: &str,
    same: bool,
    expected: &str,
    differences: &mut Differences,
) {
    if !same {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        let field = field.to_owned();
        differences.add(
            entry.clone(),
            Finding::Value {
                field,
                found,
                expected,
            },
        );
    }
}

fn entry(kind: Kind, reference: &str, id: &str) -> EntryRef {
    EntryRef {
        kind,
        reference: Some(reference.to_owned()),
        id: id.to_owned(),
    }
}
