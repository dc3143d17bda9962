//! The events of connections, as the connection manager receives them.

use fritzy_types::NodeRecord;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::transport::handshake::PeerInfo;

/// A change that concerns connections.
pub(crate) enum ConnectionEvent {
    /// The handshake on a new connection has succeeded.
    Handshake(NewConnection),
    /// The ractor session of a connection is ready; `session` is ractor's number of the peer.
    Ready { number: u64, session: u64 },
    /// The session of a connection has ended.
    Closed { number: u64 },
    /// The nodes of the cluster, as last read.
    Nodes(Vec<NodeRecord>),
}

/// A connection that has no session yet.
pub(crate) struct NewConnection {
    pub(crate) peer: PeerInfo,
    pub(crate) stream: TcpStream,
    /// Whether this node has dialed.
    pub(crate) dialed: bool,
    /// Dropped with the connection.
    pub(crate) alive: Option<oneshot::Sender<()>>,
}
