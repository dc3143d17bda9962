//! What can be wrong with a file of orders, named by line and column.

use thiserror::Error;

use crate::MoneyError;

/// Why a file of orders is not taken. Nothing has been sent then. The caller knows the file's name.
#[derive(Debug, Error)]
pub enum OrdersFileError {
    /// The file cannot be opened.
    #[error("cannot be opened: {0}")]
    Open(std::io::Error),
    /// The file cannot be read to its end.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// Not CSV: a record of another length than the header, or not UTF-8.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1; the header is line 1.
        line: u64,
        /// What the CSV reader says.
        reason: String,
    },
    /// The header lacks a column.
    #[error("line 1: column {column} is missing from the header")]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// The header names a column twice.
    #[error("line 1: column {column} is in the header twice")]
    RepeatedColumn {
        /// The column.
        column: &'static str,
    },
    /// One field is wrong, alone or beside an earlier line.
    #[error("line {line}, column {column}: {problem}")]
    Field {
        /// The line, from 1; the header is line 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// A header and nothing else.
    #[error("there is no order in it")]
    Empty,
    /// More than a replay holds in memory.
    #[error("more than {limit} {unit}")]
    TooLong {
        /// The limit.
        limit: u64,
        /// Of what: lines or bytes.
        unit: &'static str,
    },
}

/// What is wrong with one field.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum FieldProblem {
    /// Nothing there.
    #[error("it is empty")]
    Missing,
    /// Not a day such as `1997-01-18`.
    #[error("{0:?} is not a day such as 1997-01-18")]
    NotADay(String),
    /// Not a whole number within the API's `Int`.
    #[error("{0:?} is not a whole number of units")]
    NotAQuantity(String),
    /// Zero or less.
    #[error("a quantity is at least 1, not {0}")]
    QuantityBelowOne(i32),
    /// Not an exact number of cents.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The order passes what the API can carry exactly.
    #[error("the total of order {order} passes 99999999999.99")]
    TotalTooLarge {
        /// The order's ref.
        order: String,
    },
    /// A ref came before with something else beside it.
    #[error("{subject} has {found:?} here and {before:?} on an earlier line")]
    Contradiction {
        /// The order's or product's ref.
        subject: String,
        /// What an earlier line says.
        before: String,
        /// What this line says.
        found: String,
    },
    /// One order names a product on two lines.
    #[error("order {order} names product {product} a second time")]
    RepeatedProduct {
        /// The order's ref.
        order: String,
        /// The product's ref.
        product: String,
    },
}
