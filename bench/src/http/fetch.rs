//! One GET on its own connection.

use std::net::SocketAddr;

use super::connection::{Connection, Loss};
use super::request::get;

/// The text of a server's response.
///
/// # Errors
/// A short name of the cause if there is no response with status 200 in UTF-8.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> Result<String, Loss> {
    let mut connection = Connection::new(address);
    let response = connection
        .exchange(&get(&address.to_string(), path))
        .await?;
    let text = std::str::from_utf8(response.body).ok();
    text.filter(|_| response.status == 200)
        .map(ToOwned::to_owned)
        .ok_or("unexpected response")
}
