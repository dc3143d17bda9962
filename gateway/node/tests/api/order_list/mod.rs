//! The list of all orders: filters, sort orders and pages against a list filtered in the test, and
//! walks while others write.

mod arguments;
mod filters;
mod shop;
mod walks;
