//! An HTTP/1.1 client with minimal cost: what the generator uses is lost to the server on the same
//! machine.
//!
//! Requests are prepared bytes, responses are checked no more than necessary, and each connection
//! carries one request at a time. `connection` is the wire, `check_response` the check, `workers`
//! the threads. Everything else uses [`crate::GraphqlClient`].

mod check_response;
mod connection;
mod fetch;
mod request;
mod workers;

pub(crate) use check_response::check_graphql_response;
pub(crate) use fetch::fetch;
pub(crate) use request::{GraphqlRequest, get};
pub(crate) use workers::{HttpLoad, Requests};
