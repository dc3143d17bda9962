//! The limits of a shop.

use std::time::Duration;

/// The limits of a shop on one node.
#[derive(Clone, Copy, Debug)]
pub struct ShopConfig {
    /// Requests in this node's shards at once; one more is refused as overload. Default 16 384: an
    /// order of two lines takes four requests, so this admits some 4 000 orders at a time.
    pub requests_max: usize,
    /// Requests waiting for one entity at once; one more is refused as overload. Default 256: each
    /// command takes a commit of its own, so that the last waits for about a second.
    pub entity_queue_max: usize,
    /// Entities in memory at once; beyond it the longest unused are passivated. Default 32 768: at
    /// most 16 KiB each, half a gigabyte in all.
    pub entities_max: usize,
    /// An entity that was not used for this long is passivated. Default 10 minutes: longer than a
    /// customer's pauses.
    pub idle_after: Duration,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            requests_max: 16_384,
            entity_queue_max: 256,
            entities_max: 32_768,
            idle_after: Duration::from_secs(600),
        }
    }
}
