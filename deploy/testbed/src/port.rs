//! Free loopback ports for servers.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use tokio::net::TcpSocket;

use crate::error::ServiceError;

/// Below the range of outgoing connections (Linux: 32768 and up), so that none of them takes the
/// port of a server that is restarting.
const PORTS: Range<u16> = 20_000..32_000;

/// This many taken ports in a row are no coincidence.
const TRIES_MAX: u32 = 100;

/// A port on which nobody listened a moment ago. It may be taken before the caller listens, which
/// then requests another one.
///
/// # Errors
/// When a hundred ports in a row are taken.
pub fn free_port() -> Result<u16, ServiceError> {
    let width = u64::from(PORTS.end - PORTS.start);
    (0..TRIES_MAX)
        .map(|_| {
            let offset = RandomState::new().hash_one(()) % width;
            PORTS.start + u16::try_from(offset).expect("less than the width of a range of u16")
        })
        .find(|port| is_free(*port))
        .ok_or_else(|| {
            let detail = format!(
                "{TRIES_MAX} ports between {} and {} are taken",
                PORTS.start, PORTS.end
            );
            ServiceError::failed("looking for a free port", detail)
        })
}

/// A loopback address with a [`free_port`].
///
/// # Errors
/// As [`free_port`].
pub fn free_address() -> Result<SocketAddr, ServiceError> {
    Ok((Ipv4Addr::LOCALHOST, free_port()?).into())
}

/// Whether nobody listens on a loopback port. The check binds the port and does not listen, which
/// Linux allows several sockets that reuse addresses. So it does not keep others from listening at
/// the same time.
#[must_use]
pub fn is_free(port: u16) -> bool {
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())
    };
    bind().is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn free_ports_are_in_range_and_differ() {
        let ports: std::collections::HashSet<u16> = (0..8).map(|_| free_port().unwrap()).collect();
        assert!(ports.len() > 1);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn port_of_a_listener_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }

    #[test]
    fn checking_a_port_does_not_block_listeners() {
        let port = free_port().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = is_free(port);
                }
            });
            let refused = (0..2_000)
                .filter(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err())
                .count();
            done.store(true, Ordering::Relaxed);
            assert_eq!(refused, 0);
        });
    }
}
