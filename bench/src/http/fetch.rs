//! One GET for its text, on a connection of its own.

use std::net::SocketAddr;

use super::connection::{Connection, Loss};
use super::request::get;

/// What a server on this machine answers.
///
/// # Errors
/// A short name of what happened instead of an answer with status 200 in UTF-8.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> Result<String, Loss> {
    let mut connection = Connection::new(address);
    let answer = connection
        .exchange(&get(&address.to_string(), path))
        .await?;
    let text = std::str::from_utf8(answer.body).ok();
    text.filter(|_| answer.status == 200)
        .map(ToOwned::to_owned)
        .ok_or("another answer")
}
