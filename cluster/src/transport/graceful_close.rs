//! Closing connections in order, after the model of HTTP/2's GOAWAY: peers stop sending requests,
//! those in flight are replied to, and the replies arrive before the connections end. Otherwise the
//! outcome of requests in flight would be unknown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tracing::warn;

use crate::transport::connection::PeerConnection;

/// For all of it: a peer that does not respond is closed without.
const GRACEFUL_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Drains all connections. No shard runs here any more, so requests that still arrive are
/// redirected at once.
pub(crate) async fn close_gracefully(connections: &[Arc<PeerConnection>]) {
    let draining = connections.iter().map(async |connection| {
        let drained = timeout(GRACEFUL_CLOSE_TIMEOUT, drain_peer(connection));
        if drained.await.is_err() {
            warn!(peer = %connection.name, "a peer does not acknowledge that this node leaves");
        }
    });
    join_all(draining).await;
}

async fn drain_peer(connection: &PeerConnection) {
    connection.go_away().await;
    // Frames go through several dispatchers: earlier ones may still be in flight through another.
    connection.flush().await;
    connection.requests_handled().await;
    connection.flush().await;
}
