//! The replay: real orders from a file are created on a node over GraphQL, read back, and reconciled to the cent.
//!
//! [`OrderBook`] is the file. `run` sends what `plan` makes of it, `read_back` asks for everything again, and
//! `reconcile` compares without any IO. Every request carries an idempotency key made from the file's refs, so a
//! replay may be repeated after any failure and adds nothing twice.

mod api;
mod create;
mod difference;
mod order_rows;
mod orders;
mod orders_error;
mod outcome;
mod plan;
mod progress;
mod read_back;
mod reconcile;
mod report;
mod retry;
mod run;
mod session;

pub use difference::{DIFFERENCES_NAMED_MAX, Difference, Differences, Finding, Kind, Subject};
pub use orders::{Line, Order, OrderBook, Product, Totals};
pub use orders_error::{FieldProblem, OrdersFileError};
pub use outcome::{PlacedIds, ReplayError, ReplayOptions, ReplayOutcome};
pub use progress::{Phase, PhaseSnapshot, ReplayProgress};
pub use report::ReplayReport;
pub use run::replay;
