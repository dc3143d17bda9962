//! What a node knows of its cluster, for operators and readiness checks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{ClusterState, NodeId, ShardId};

use crate::membership::silence::SilentPeer;
use crate::routing::remote::PeerStatus;

/// What is known of the cluster here. Published after each reconciliation.
#[derive(Clone, Debug, Default)]
pub struct MemberStatus {
    /// The id of this incarnation; `None` between two incarnations.
    pub me: Option<NodeId>,
    /// The nodes and owners as last read.
    pub state: Arc<ClusterState>,
    /// When the tables were last read; `None` before the first time.
    pub polled_at: Option<Instant>,
    /// How many shards run here.
    pub running: usize,
    /// The shards that are being handed off from here.
    pub moving: Vec<ShardId>,
    /// The nodes with which a session is ready.
    pub peers: Vec<PeerStatus>,
    /// Live nodes without a connection for ten seconds or more.
    pub silent: Vec<SilentPeer>,
    /// For how long this node may still serve reads from memory; `None` when its lease has expired.
    pub lease: Option<Duration>,
    /// Whether this node is draining, or has drained.
    pub draining: bool,
}
