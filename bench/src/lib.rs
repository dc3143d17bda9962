//! Measures Fritzy: puts load on a node or on a shop in this process, compares runs, breaks a
//! cluster under load for hours, and replays real orders.
//!
//! Owns the load generator, the figures behind every performance claim, the GraphQL client of the
//! tools, and their conclusions from a node's responses.
//!
//! Architecture Invariant: replay and soak know a node by its GraphQL API only. They use no crate
//! of the node, so that a mistake in one cannot hide by being on both sides of a comparison. Only
//! `scenarios` uses these crates, for in-process measurements and the baseline server.
//!
//! Architecture Invariant: money is whole cents, parsed from text. No sum or comparison uses a
//! float.
//!
//! Architecture Invariant: the library prints nothing. It reports progress
//! ([`replay::ReplayProgress`], [`measure::Progress`], [`soak::Progress`]) and the binary shows it.

mod error;
mod graphql_client;
mod http;
mod load;
mod money;
mod process;
mod random;
mod scenarios;

pub mod measure;
pub mod replay;
pub mod soak;

pub use error::BenchError;
pub use graphql_client::{
    CallError, GraphqlClient, GraphqlError, RESPONSE_BYTES_MAX, Response, UrlError,
};
pub use money::{Cents, MoneyError};
pub use process::ServerError;
pub use scenarios::{
    AskedHost, Durability, Fsync, LoopShape, OtherNode, OtherNodeKind, Store, VariantFlags,
    VariantSettings, VariantSpec, baseline_accounts, scenarios,
};
