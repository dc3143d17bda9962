//! Errors of the admin API.

use std::time::Duration;

use fritzy_types::StorageError;

use super::node_lookup::NodeLookupError;

/// Why a request of an operator failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// The name does not identify one node.
    #[error(transparent)]
    Lookup(#[from] NodeLookupError),
    /// There is no such shard.
    #[error("there is no shard {shard}; shards are 0 to {last}")]
    NoShard {
        /// The number given in the request.
        shard: u16,
        /// The highest number, one below the count of shards.
        last: u16,
    },
    /// The text is not an id.
    #[error("{0} is not an id of an account, a product or an order: 36 characters with hyphens")]
    NotAnId(String),
    /// No other node can take the shards, so draining would never end.
    #[error(
        "no other node can take the {shards} shards of {name}: start or undrain another node first; nothing was changed"
    )]
    NoOtherOwner {
        /// The node to drain.
        name: String,
        /// Shards that it owns.
        shards: usize,
    },
    /// The table of nodes cannot be used.
    #[error("the table of nodes cannot be used: {0}")]
    Tables(#[from] StorageError),
    /// It takes too long, and may still take effect.
    #[error("{0} within {1:?}; it may still take effect: check the status")]
    TimedOut(&'static str, Duration),
}
