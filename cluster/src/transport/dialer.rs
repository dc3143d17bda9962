//! Dialing one other node for as long as it is in the node table: again after a delay, when it does
//! not respond or the connection ends.

use std::time::{Duration, Instant};

use fritzy_types::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{info, warn};

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

/// Dials until the task is aborted.
pub(crate) async fn dial_forever(
    identity: Identity,
    node: NodeId,
    name: String,
    address: String,
    events: mpsc::Sender<ConnectionEvent>,
) {
    let mut delay = RETRY_DELAY;
    loop {
        let began = Instant::now();
        match dial(&identity, node, &address, &events).await {
            Ok(()) if began.elapsed() >= STABLE_AFTER => delay = RETRY_DELAY,
            Ok(()) => info!(
                peer = name,
                address, "a connection ended early; dialing again"
            ),
            Err(reason) => warn!(
                peer = name,
                address, reason, "a node cannot be reached; dialing again"
            ),
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
