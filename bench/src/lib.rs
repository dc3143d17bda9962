//! Measures Fritzy: puts load on a node or on a shop in this process and compares runs, and replays real orders.
//!
//! Owns the load generator, the figures that every claim about speed is taken from, the GraphQL client of the tools,
//! and what they conclude from a node's answers.
//!
//! Architecture Invariant: the replay knows a node by its GraphQL API only. It uses none of the node's crates, so that
//! a mistake in them cannot hide itself by being on both sides of a comparison. Only `scenarios` uses them, for what is
//! measured in process and for the ceiling.
//!
//! Architecture Invariant: money is whole cents, parsed from text. No float takes part in any sum or comparison.
//!
//! Architecture Invariant: the library prints nothing; it tells its progress ([`replay::ReplayProgress`],
//! [`measure::Progress`]) and the binary shows it.

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

pub use error::BenchError;
pub use graphql_client::{
    ANSWER_BYTES_MAX, Answer, CallError, GraphqlClient, GraphqlError, UrlError,
};
pub use money::{Cents, MoneyError};
pub use process::ServerError;
pub use scenarios::{
    Answers, AskedHost, Durability, Fsync, LoopShape, OtherNode, SideFlags, SideSettings, SideSpec,
    Store, ceiling_accounts, scenarios,
};
