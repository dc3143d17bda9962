//! What the dispatchers, the connection manager and the peers of one node share.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use fritzy_types::{Epoch, NodeId, ShardId};
use tokio::sync::mpsc;

use crate::protocol::envelope::FrameOrigin;
use crate::routing::shard_map::ShardMap;
use crate::transport::connection::PeerConnection;

/// A shard, its owner if it has one, and the epoch since which that is so.
pub type OwnershipRecord = (ShardId, Option<NodeId>, Epoch);

/// What the membership of this node learns from other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerNotice {
    /// Shards have changed owners.
    OwnershipChanged(Vec<OwnershipRecord>),
    /// Shards must move to their assigned nodes now.
    Rebalance,
    /// A node has connected that is not in the node table as last read.
    UnknownNode,
    /// A connection to a node is ready.
    Connected,
}

/// The transport's state of one node.
pub(crate) struct NodeShared<H> {
    pub(crate) me: NodeId,
    pub(crate) host: Arc<H>,
    pub(crate) map: Arc<ShardMap>,
    connections: RwLock<HashMap<NodeId, Arc<PeerConnection>>>,
    /// Notices for which the channel has no capacity are dropped: the next poll of the tables makes
    /// up for them.
    notices: mpsc::Sender<PeerNotice>,
}

impl<H> NodeShared<H> {
    pub(crate) fn new(
        me: NodeId,
        host: Arc<H>,
        map: Arc<ShardMap>,
        notices: mpsc::Sender<PeerNotice>,
    ) -> Self {
        Self {
            me,
            host,
            map,
            connections: RwLock::new(HashMap::new()),
            notices,
        }
    }

    /// The connection to a peer.
    pub(crate) fn connection(&self, peer: NodeId) -> Option<Arc<PeerConnection>> {
        let connections = self.connections.read().expect("no writer panics");
        connections.get(&peer).cloned()
    }

    /// The connections to all peers.
    pub(crate) fn connections(&self) -> Vec<Arc<PeerConnection>> {
        let connections = self.connections.read().expect("no writer panics");
        connections.values().cloned().collect()
    }

    /// The connection that a frame arrived on. A reply that belongs to an earlier connection must
    /// not be matched to a request on this one.
    pub(crate) fn connection_of(&self, frame: FrameOrigin) -> Option<Arc<PeerConnection>> {
        let connection = self.connection(frame.from);
        connection.filter(|connection| connection.id == frame.connection)
    }

    /// Makes a connection the one to its peer. Returns the one that it replaces.
    pub(crate) fn insert(&self, connection: Arc<PeerConnection>) -> Option<Arc<PeerConnection>> {
        let mut connections = self.connections.write().expect("no writer panics");
        connections.insert(connection.peer, connection)
    }

    /// Removes a connection, unless another one to the same peer has replaced it. Returns whether
    /// it was there.
    pub(crate) fn remove(&self, connection: &Arc<PeerConnection>) -> bool {
        let mut connections = self.connections.write().expect("no writer panics");
        let is_current = connections
            .get(&connection.peer)
            .is_some_and(|current| Arc::ptr_eq(current, connection));
        if is_current {
            connections.remove(&connection.peer);
        }
        is_current
    }

    pub(crate) fn remove_all(&self) -> Vec<Arc<PeerConnection>> {
        let mut connections = self.connections.write().expect("no writer panics");
        connections.drain().map(|(_, removed)| removed).collect()
    }

    /// Sends a notice to the membership of this node, unless too many wait already.
    pub(crate) fn notify(&self, notice: PeerNotice) {
        let _ = self.notices.try_send(notice);
    }
}

/// The name of the process group of a node's dispatchers. Nodes of other versions look it up, so it
/// must stay the same.
pub(crate) fn gate_group(node: NodeId) -> String {
    format!("gates of {node}")
}
