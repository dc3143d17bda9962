//! The file of orders: read strictly and completely before anything is sent.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::order_rows::{ACCOUNT, NAME, ORDER, PLACED_ON, PRICE, PRODUCT, QUANTITY, Row, each_row};
use super::orders_error::{FieldProblem, OrdersFileError};
use crate::Cents;

/// The content of a file of orders. Orders refer to accounts and products by position.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    /// The refs of the accounts, in the order of their first order.
    pub accounts: Vec<String>,
    /// The products, in the order of their first line.
    pub products: Vec<Product>,
    /// The orders, in the order of their first line.
    pub orders: Vec<Order>,
}

/// One product and its price.
#[derive(Clone, Debug)]
pub struct Product {
    /// The ref in the file, unique among the products.
    pub reference: String,
    /// The name, the same on all lines of the product.
    pub name: String,
    /// The price of one unit.
    pub price: Cents,
    /// The price as text of the file; a JSON number.
    pub price_text: String,
}

/// One order: at least one line, and no product twice.
#[derive(Clone, Debug)]
pub struct Order {
    /// The ref in the file, unique among the orders.
    pub reference: String,
    /// The index of its account in [`OrderBook::accounts`].
    pub account: usize,
    /// The day, `YYYY-MM-DD`. Checked but not sent: the API sets the time of creation.
    pub placed_on: String,
    /// The lines, in the file's order.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Cents,
}

/// One line of an order.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The index of its product in [`OrderBook::products`].
    pub product: usize,
    /// Units, from 1 to 2^31 - 1.
    pub quantity: u32,
}

/// The totals of a set of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of accounts.
    pub accounts: usize,
    /// The number of products.
    pub products: usize,
    /// The number of orders.
    pub orders: usize,
    /// The number of units over all lines.
    pub units: u64,
    /// The sum of all orders.
    pub total: Cents,
}

impl OrderBook {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`OrdersFileError`] for the first invalid line or field.
    pub fn open(path: &Path) -> Result<Self, OrdersFileError> {
        let file = File::open(path).map_err(OrdersFileError::Open)?;
        Self::read(file)
    }

    /// Reads CSV with a header that has at least the seven columns, in any order. The lines of one
    /// order need not be adjacent.
    ///
    /// # Errors
    /// [`OrdersFileError`] for the first invalid line or field.
    pub fn read(input: impl Read) -> Result<Self, OrdersFileError> {
        let mut builder = Builder::default();
        each_row(input, |row| builder.add(row))?;
        if builder.book.orders.is_empty() {
            return Err(OrdersFileError::Empty);
        }
        Ok(builder.book)
    }

    /// The first `count` orders, with only their accounts and products.
    #[must_use]
    pub fn first_orders(&self, count: usize) -> Self {
        let mut part = Self::default();
        let mut accounts = HashMap::new();
        let mut products = HashMap::new();
        for order in self.orders.iter().take(count) {
            let account = *accounts.entry(order.account).or_insert_with(|| {
                part.accounts.push(self.accounts[order.account].clone());
                part.accounts.len() - 1
            });
            let mut renumbered = |line: &Line| {
                let product = *products.entry(line.product).or_insert_with(|| {
                    part.products.push(self.products[line.product].clone());
                    part.products.len() - 1
                });
                Line { product, ..*line }
            };
            let lines = order.lines.iter().map(&mut renumbered).collect();
            part.orders.push(Order {
                account,
                lines,
                ..order.clone()
            });
        }
        part
    }

    /// The totals of the file.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let lines = self.orders.iter().flat_map(|order| &order.lines);
        let totals = self.orders.iter().map(|order| order.total);
        Totals {
            accounts: self.accounts.len(),
            products: self.products.len(),
            orders: self.orders.len(),
            units: lines.map(|line| u64::from(line.quantity)).sum(),
            total: totals.fold(Cents::ZERO, Cents::accumulate),
        }
    }
}

#[derive(Default)]
struct Builder {
    book: OrderBook,
    accounts: HashMap<String, usize>,
    products: HashMap<String, usize>,
    orders: HashMap<String, usize>,
}

impl Builder {
    fn add(&mut self, row: &Row<'_>) -> Result<(), OrdersFileError> {
        let order = self.order(row)?;
        let product = self.product(row)?;
        let quantity = row.quantity(QUANTITY)?;
        let price = self.book.products[product].price;
        let order = &mut self.book.orders[order];
        if order.lines.iter().any(|line| line.product == product) {
            let problem = FieldProblem::RepeatedProduct {
                order: order.reference.clone(),
                product: self.book.products[product].reference.clone(),
            };
            return Err(row.wrong(PRODUCT, problem));
        }
        let total = price.times(quantity).and_then(|sum| order.total.plus(sum));
        order.total = total.ok_or_else(|| {
            let order = order.reference.clone();
            row.wrong(PRICE, FieldProblem::TotalTooLarge { order })
        })?;
        order.lines.push(Line { product, quantity });
        Ok(())
    }

    fn order(&mut self, row: &Row<'_>) -> Result<usize, OrdersFileError> {
        let (reference, account) = (row.text(ORDER)?, row.text(ACCOUNT)?);
        let placed_on = row.day(PLACED_ON)?;
        if let Some(&position) = self.orders.get(reference) {
            let order = &self.book.orders[position];
            row.agrees(ACCOUNT, reference, &self.book.accounts[order.account])?;
            row.agrees(PLACED_ON, reference, &order.placed_on)?;
            return Ok(position);
        }
        let position = self.book.orders.len();
        self.orders.insert(reference.to_owned(), position);
        let account = self.account(account);
        self.book.orders.push(Order {
            reference: reference.to_owned(),
            account,
            placed_on: placed_on.to_owned(),
            lines: Vec::new(),
            total: Cents::ZERO,
        });
        Ok(position)
    }

    fn account(&mut self, reference: &str) -> usize {
        if let Some(&position) = self.accounts.get(reference) {
            return position;
        }
        let position = self.book.accounts.len();
        self.accounts.insert(reference.to_owned(), position);
        self.book.accounts.push(reference.to_owned());
        position
    }

    fn product(&mut self, row: &Row<'_>) -> Result<usize, OrdersFileError> {
        let (reference, name) = (row.text(PRODUCT)?, row.text(NAME)?);
        let price_text = row.text(PRICE)?;
        let price = Cents::from_price_text(price_text).map_err(|error| row.wrong(PRICE, error))?;
        if let Some(&position) = self.products.get(reference) {
            let product = &self.book.products[position];
            row.agrees(NAME, reference, &product.name)?;
            // 14.6 and 14.60 are the same price.
            if price != product.price {
                row.agrees(PRICE, reference, &product.price_text)?;
            }
            return Ok(position);
        }
        let position = self.book.products.len();
        self.products.insert(reference.to_owned(), position);
        self.book.products.push(Product {
            reference: reference.to_owned(),
            name: name.to_owned(),
            price,
            price_text: price_text.to_owned(),
        });
        Ok(position)
    }
}
