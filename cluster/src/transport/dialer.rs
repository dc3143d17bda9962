//! Dialing one other node for as long as it is in the node table: again after a delay, when it does
//! not respond or the connection ends.

use std::time::{Duration, Instant};

use fritzy_types::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::transport::event::{ConnectionEvent, NewConnection};
use crate::transport::handshake::Identity;
use crate::transport::tcp::connect;

/// Before the second attempt; doubled with each that fails. `backon` has no jitter around the delay
/// and no reset after success, so the loop is written out.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Between two attempts at most: a node that comes back is dialed within some seconds.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);
/// A connection that lasted for so long resets the delay.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Failures for so long are ordinary: a node that restarts is gone for a moment, and the table of
/// nodes is read once a second.
const ORDINARY_FOR: Duration = Duration::from_secs(3);

/// Dials until the task is aborted.
pub(crate) async fn dial_forever(
    identity: Identity,
    node: NodeId,
    name: String,
    address: String,
    events: mpsc::Sender<ConnectionEvent>,
) {
    let mut delay = RETRY_DELAY;
    let mut failing_since = None;
    loop {
        let began = Instant::now();
        let dialed = dial(&identity, node, &address, &events).await;
        if dialed.is_ok() && began.elapsed() >= STABLE_AFTER {
            (delay, failing_since) = (RETRY_DELAY, None);
        } else {
            let reason = dialed.err();
            let reason = reason.unwrap_or_else(|| "the connection ended early".into());
            let since = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() < ORDINARY_FOR {
                debug!(
                    peer = name,
                    address, reason, "a node cannot be reached; dialing again"
                );
            } else {
                warn!(
                    peer = name,
                    address, reason, "a node cannot be reached; dialing again"
                );
            }
        }
        // Jitter, so that nodes which lost each other at once do not all dial at once.
        sleep(delay.mul_f64(0.5 + fastrand::f64())).await;
        delay = (delay * 2).min(RETRY_DELAY_MAX);
    }
}

/// Dials once; returns when the connection has ended.
async fn dial(
    identity: &Identity,
    node: NodeId,
    address: &str,
    events: &mpsc::Sender<ConnectionEvent>,
) -> Result<(), String> {
    let mut stream = connect(address).await?;
    let peer = identity.dial(&mut stream, node).await;
    let peer = peer.map_err(|failure| failure.to_string())?;
    let (alive, ended) = oneshot::channel();
    let connection = NewConnection {
        peer,
        stream,
        dialed: true,
        alive: Some(alive),
    };
    if events
        .send(ConnectionEvent::Handshake(connection))
        .await
        .is_ok()
    {
        // The sender is dropped with the connection.
        let _ = ended.await;
    }
    Ok(())
}
