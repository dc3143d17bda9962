//! The errors of a file of orders, with line and column.

use thiserror::Error;

use crate::MoneyError;

/// Why a file of orders is rejected. Nothing was sent yet. The caller adds the file's name.
#[derive(Debug, Error)]
pub enum OrdersFileError {
    /// The file cannot be opened.
    #[error("cannot be opened: {0}")]
    Open(std::io::Error),
    /// The file cannot be read to its end.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// Not CSV: a record with another length than the header, or not UTF-8.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1; the header is line 1.
        line: u64,
        /// The error of the CSV reader.
        reason: String,
    },
    /// The header lacks a column.
    #[error("line 1: column {column} is missing from the header")]
    MissingColumn {
        /// The name that the header should have.
        column: &'static str,
    },
    /// The header names a column twice.
    #[error("line 1: column {column} is in the header twice")]
    RepeatedColumn {
        /// The name that the header has twice.
        column: &'static str,
    },
    /// A field is invalid, by itself or compared to an earlier line.
    #[error("line {line}, column {column}: {problem}")]
    Field {
        /// The line, from 1; the header is line 1.
        line: u64,
        /// The column's name in the header.
        column: &'static str,
        /// What is wrong with the field's text.
        problem: FieldProblem,
    },
    /// The file has a header only.
    #[error("the file has no order")]
    Empty,
    /// The file is larger than a replay holds in memory.
    #[error("more than {limit} {unit}")]
    TooLong {
        /// The most that a replay accepts, in `unit`.
        limit: u64,
        /// The unit of the limit: lines or bytes.
        unit: &'static str,
    },
}

/// The problem of one field.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum FieldProblem {
    /// The field is empty.
    #[error("the field is empty")]
    Missing,
    /// Not a day such as `1997-01-18`.
    #[error("{0:?} is not a day such as 1997-01-18")]
    NotADay(String),
    /// Not a whole number in the range of the API's `Int`.
    #[error("{0:?} is not a whole number of units")]
    NotAQuantity(String),
    /// A whole number of zero or less.
    #[error("a quantity is at least 1, not {0}")]
    QuantityBelowOne(i32),
    /// Not an exact number of cents.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The order's total is above what the API can represent exactly.
    #[error("the total of order {order} is more than 99999999999.99")]
    TotalTooLarge {
        /// The ref of the order in the file.
        order: String,
    },
    /// An earlier line has another value for the same ref.
    #[error("{entry} has {found:?} here and {before:?} on an earlier line")]
    Contradiction {
        /// The order's or product's ref.
        entry: String,
        /// The value on the earlier line.
        before: String,
        /// The value on this line.
        found: String,
    },
    /// An order has a product on two lines.
    #[error("order {order} has product {product} twice")]
    RepeatedProduct {
        /// The ref of the order in the file.
        order: String,
        /// The ref of the product in the file.
        product: String,
    },
}
