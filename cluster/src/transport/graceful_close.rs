//! Leaving peers in order: they are told to ask nothing more, what they have asked is answered, and the answers arrive before
//! the connections end. Otherwise whoever asked would not know whether it was done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::protocol::frame::Entry;
use crate::routing::router::ShardHost;
use crate::transport::connection::Link;
use crate::transport::peers::Peers;

/// For all of it: a peer that does not answer is left without.
const FAREWELL_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether something is still being done.
const LOOK_EVERY: Duration = Duration::from_millis(1);

impl<H: ShardHost> Peers<H> {
    /// Says farewell to all. Nothing runs here any more, so that what they still ask is answered at once: it is elsewhere.
    pub(crate) async fn say_farewell(&self) {
        let links: Vec<Arc<Link>> = {
            let links = self.inside.links.read().expect("no writer panics");
            links.values().cloned().collect()
        };
        let farewells = links.iter().map(async |link| {
            if timeout(FAREWELL_MAX, part_from(link)).await.is_err() {
                warn!(peer = %link.name, "a peer does not hear that this node leaves");
            }
        });
        join_all(farewells).await;
    }
}

async fn part_from(link: &Link) {
    link.send(Entry::Farewell).await;
    link.farewell_heard.notified().await;
    // Frames go by several gates: what was sent before may still be on its way by another.
    settle(link).await;
    while link.serving.load(Ordering::Acquire) > 0 {
        sleep(LOOK_EVERY).await;
    }
    settle(link).await;
}

/// Returns when what was sent before has arrived on either side: each gate has had a frame of its own there and back.
async fn settle(link: &Link) {
    for _ in &link.gates {
        link.ping();
        link.ponged.notified().await;
    }
}
