//! TCP connections to other nodes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// For opening a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens a connection without Nagle's delay.
///
/// # Errors
/// The reason, when nothing accepts at `address` within [`CONNECT_TIMEOUT`].
pub(crate) async fn connect(address: &str) -> Result<TcpStream, String> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(failure)) => return Err(failure.to_string()),
        Err(_) => return Err(format!("no response for {} s", CONNECT_TIMEOUT.as_secs())),
    };
    stream
        .set_nodelay(true)
        .map_err(|failure| failure.to_string())?;
    Ok(stream)
}

/// The address of the peer, for the log.
pub(crate) fn peer_address(stream: &TcpStream) -> String {
    let unknown = |_| "unknown".to_owned();
    stream
        .peer_addr()
        .map_or_else(unknown, |address: SocketAddr| address.to_string())
}
