//! Binds the sockets that a node listens on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::settings::ListenAddress;
use crate::start_error::StartError;

/// Time for resolving a host name. Resolvers try another server after 5 s by default.
const RESOLVE_MAX: Duration = Duration::from_secs(12);

/// The IP addresses of `address`, those of IPv4 first: clients of `localhost` try them in either
/// order, while those of 127.0.0.1 try no other.
///
/// # Errors
/// [`StartError::Unresolved`] with the name of the setting, when a host name has none.
pub(crate) async fn resolve(
    setting: &'static str,
    address: &ListenAddress,
) -> Result<Vec<SocketAddr>, StartError> {
    let (host, port) = match address {
        ListenAddress::Ip(address) => return Ok(vec![*address]),
        ListenAddress::Host(host, port) => (host.as_str(), *port),
    };
    let unresolved = |reason: String| StartError::Unresolved {
        setting,
        address: address.clone(),
        reason,
    };
    let resolved = timeout(RESOLVE_MAX, lookup_host((host, port))).await;
    let resolved = resolved.map_err(|_| unresolved("the resolver does not respond".into()))?;
    let mut addresses: Vec<_> = resolved
        .map_err(|failure| unresolved(failure.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(unresolved("it has no address".into()));
    }
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

/// Listens on the first of `addresses` that can be bound.
///
/// # Errors
/// That of the last address.
pub(crate) async fn listen_on_first<L>(
    addresses: &[SocketAddr],
    listen: impl AsyncFn(SocketAddr) -> io::Result<L>,
) -> io::Result<L> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listen(*address).await {
            Ok(listener) => return Ok(listener),
            Err(failed) => failure = failed,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn localhost_listens_on_ipv4_first() {
        let address = "localhost:0".parse().expect("a host name");
        let addresses = resolve("--listen", &address).await.expect("resolved");
        let listener = listen_on_first(&addresses, TcpListener::bind).await;
        let bound = listener.and_then(|listener| listener.local_addr());
        let bound = bound.expect("listens");
        assert!(bound.ip().is_loopback() && bound.is_ipv4(), "{bound}");
    }

    #[tokio::test]
    async fn address_in_use_is_skipped_for_the_next() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let taken = taken.local_addr().map(|address| (taken, address));
        let (_taken, taken) = taken.expect("its address");
        let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let listener = listen_on_first(&[taken, free], TcpListener::bind).await;
        listener.expect("the second is free");
        let refused = listen_on_first(&[taken], TcpListener::bind).await;
        let kind = refused.map_err(|failure| failure.kind()).err();
        assert_eq!(kind, Some(io::ErrorKind::AddrInUse));
    }
}
