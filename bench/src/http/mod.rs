//! HTTP/1.1 as cheap as a client can be: what the generator spends is taken from the server it shares a machine with.
//!
//! Requests are written as prepared bytes, answers are looked at no more than it takes to know that they are what was
//! asked for, and each connection has one request under way. `connection` is the wire, `judge` the looking, `workers`
//! the threads that do it. The client for everything else is [`crate::GraphqlClient`].

mod check_response;
mod connection;
mod fetch;
mod request;
mod workers;

pub(crate) use check_response::judge_graphql;
pub(crate) use fetch::fetch;
pub(crate) use request::{GraphqlRequest, get};
pub(crate) use workers::{HttpLoad, Requests};
