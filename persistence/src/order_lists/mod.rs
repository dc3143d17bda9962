//! The list of orders on a database: which index serves a page, its statement, and its rows.

mod plan;
mod rows;
mod statement;

pub(crate) use plan::Plan;
pub(crate) use rows::{counted, looked_at, order_times, row_times, slice};
pub(crate) use statement::{Dialect, Parameter, Statement, count, page};

#[cfg(test)]
mod tests;
