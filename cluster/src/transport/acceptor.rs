//! Accepting connections from other nodes. Unauthenticated connections are held for some seconds at
//! most, and have no actor; while there are many, the oldest are closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::transport::event::{ConnectionEvent, NewConnection};
use crate::transport::handshake::{HandshakeError, Identity};
use crate::transport::tcp::peer_address;

/// Unauthenticated connections at most.
const UNAUTHENTICATED_MAX: usize = 64;
/// Each has at least so long for its handshake, which takes a node some milliseconds. So 640
/// connections a second have their turn.
const UNAUTHENTICATED_MIN_AGE: Duration = Duration::from_millis(100);
/// After an accept that failed: the limit of open files is reached, or the like.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Handshakes in progress, the oldest first.
type Handshakes = VecDeque<(Instant, AbortHandle)>;

/// Accepts connections until the task is aborted.
pub(crate) async fn accept(
    identity: Identity,
    listener: Arc<TcpListener>,
    events: mpsc::Sender<ConnectionEvent>,
) {
    let mut unauthenticated = Handshakes::new();
    let identity = Arc::new(identity);
    loop {
        evict_oldest(&mut unauthenticated).await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(failure) => {
                warn!(%failure, "a connection from another node could not be accepted");
                sleep(RETRY_DELAY).await;
                continue;
            }
        };
        let (identity, events) = (identity.clone(), events.clone());
        let handshake = async move { authenticate(&identity, stream, &events).await };
        unauthenticated.push_back((Instant::now(), tokio::spawn(handshake).abort_handle()));
    }
}

/// Closes the oldest connection if there are too many. A node whose connection is closed dials
/// again.
async fn evict_oldest(unauthenticated: &mut Handshakes) {
    let is_full = |unauthenticated: &mut Handshakes| {
        unauthenticated.retain(|(_, handshake)| !handshake.is_finished());
        unauthenticated.len() >= UNAUTHENTICATED_MAX
    };
    if is_full(unauthenticated)
        && let Some((since, _)) = unauthenticated.front()
    {
        sleep_until(*since + UNAUTHENTICATED_MIN_AGE).await;
        if is_full(unauthenticated)
            && let Some((_, oldest)) = unauthenticated.pop_front()
        {
            oldest.abort();
        }
    }
}

async fn authenticate(
    identity: &Identity,
    mut stream: TcpStream,
    events: &mpsc::Sender<ConnectionEvent>,
) {
    let from = peer_address(&stream);
    if let Err(failure) = stream.set_nodelay(true) {
        return debug!(%failure, from, "a connection was closed before its handshake");
    }
    match identity.accept(&mut stream).await {
        Ok(peer) if peer.is_probe => {}
        Ok(peer) => {
            let (dialed, alive) = (false, None);
            let connection = NewConnection {
                peer,
                stream,
                dialed,
                alive,
            };
            let _ = events.send(ConnectionEvent::Handshake(connection)).await;
        }
        // A node dialed the last incarnation of this one, or has stopped meanwhile.
        Err(failure @ (HandshakeError::OtherNode { .. } | HandshakeError::Io(_))) => {
            debug!(%failure, from, "a connection on the port for nodes has ended");
        }
        Err(failure) => warn!(%failure, from, "a connection on the port for nodes is rejected"),
    }
}
