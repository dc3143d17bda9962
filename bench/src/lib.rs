//! Measures a Fritzy node from the outside: replays real orders, and (later) puts load on it and compares runs.
//!
//! Owns the GraphQL client of the tools and what they conclude from a node's answers.
//!
//! Architecture Invariant: this crate knows a node by its GraphQL API only. It links none of the node's crates, so
//! that a mistake in them cannot hide itself by being on both sides of a comparison.
//!
//! Architecture Invariant: money is whole cents, parsed from text. No float takes part in any sum or comparison.
//!
//! Architecture Invariant: the library prints nothing; it counts into [`replay::ReplayProgress`] and the binary shows it.

mod graphql_client;
mod money;

pub mod replay;

pub use graphql_client::{
    ANSWER_BYTES_MAX, Answer, CallError, GraphqlClient, GraphqlError, UrlError,
};
pub use money::{Cents, MoneyError};
