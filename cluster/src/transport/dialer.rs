//! Calling one other node for as long as it is there: again after a while when it does not answer, or the connection ends.

use std::time::{Duration, Instant};

use fritzy_types::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::transport::connection_manager::{Happening, Newcomer};
use crate::transport::handshake::Identity;
use crate::transport::peers::connect;

/// Before the second call; doubled with each that fails.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Before another at most: a node that comes back is called within some seconds.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(2);
/// A connection that lasted for so long was a good one.
const LASTED: Duration = Duration::from_secs(5);

/// Calls for ever.
pub(crate) async fn call_for_ever(
    identity: Identity,
    node: NodeId,
    name: String,
    address: String,
    happenings: mpsc::Sender<Happening>,
) {
    let mut after = AGAIN_AFTER;
    loop {
        let began = Instant::now();
        match call(&identity, node, &address, &happenings).await {
            Ok(()) if began.elapsed() >= LASTED => after = AGAIN_AFTER,
            Ok(()) => info!(
                peer = name,
                address, "a connection did not last; calling again"
            ),
            Err(reason) => warn!(
                peer = name,
                address, reason, "a node cannot be reached; calling again"
            ),
        }
        // So that nodes which lost each other at once do not all call at once.
        sleep(after.mul_f64(0.5 + fastrand::f64())).await;
        after = (after * 2).min(AGAIN_AFTER_MAX);
    }
}

/// Calls once; returns when the connection is gone.
async fn call(
    identity: &Identity,
    node: NodeId,
    address: &str,
    happenings: &mpsc::Sender<Happening>,
) -> Result<(), String> {
    let mut stream = connect(address).await?;
    let met = identity.call(&mut stream, node).await;
    let met = met.map_err(|failure| failure.to_string())?;
    let (gone, ended) = oneshot::channel();
    let newcomer = Newcomer {
        met,
        stream,
        called: true,
        gone: Some(gone),
    };
    if happenings.send(Happening::Met(newcomer)).await.is_ok() {
        // Its other end is dropped with the connection.
        let _ = ended.await;
    }
    Ok(())
}
