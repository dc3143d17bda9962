//! The replay: real orders from a file are created on a node over GraphQL, read back, and
//! reconciled to the cent.
//!
//! [`OrderBook`] is the file. `run` sends the requests of `plan`, `read_back` reads everything
//! back, and `reconcile` compares without IO. Every request has an idempotency key derived from the
//! file's refs, so a replay may be repeated after any failure and creates nothing twice.

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

pub use difference::{DIFFERENCES_NAMED_MAX, Difference, Differences, EntryRef, Finding, Kind};
pub use orders::{Line, Order, OrderBook, Product, Totals};
pub use orders_error::{FieldProblem, OrdersFileError};
pub use outcome::{CreatedIds, ReplayError, ReplayOptions, ReplayOutcome};
pub use progress::{Phase, PhaseSnapshot, ReplayProgress};
pub use report::ReplayReport;
pub use run::replay;
