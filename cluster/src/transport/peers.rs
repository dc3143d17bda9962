//! The other nodes: connections to them, which are kept and watched, and requests to their shards.
//!
//! Of two nodes the one that joined later dials the other, so that there is one connection.
//! ractor's sessions neither notice a silent peer nor reconnect; both is done here.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use async_trait::async_trait;
use fritzy_types::{Deadline, NodeId, NodeRecord, ShardId};
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use ractor_cluster::{NodeServer, NodeServerMessage};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::protocol::frame::{Message, OwnershipUpdate, Reply};
use crate::protocol::trace_context;
use crate::routing::host::ShardHost;
use crate::routing::remote::{AskError, PeerStatus, Remote};
use crate::routing::shard_map::ShardMap;
use crate::transport::acceptor::accept;
use crate::transport::connection_manager::ConnectionManager;
use crate::transport::dispatcher::Dispatcher;
use crate::transport::event::ConnectionEvent;
use crate::transport::graceful_close::close_gracefully;
use crate::transport::handshake::{HandshakeError, Identity};
use crate::transport::shared::{NodeShared, OwnershipRecord, PeerNotice, gate_group};
use crate::transport::tcp::{CONNECT_TIMEOUT, connect};

/// Bytes in a received frame at most: one holds 256 KiB, or a single larger message. The largest
/// messages carry the state of one entity.
const INBOUND_FRAME_BYTES_MAX: u64 = 4 << 20;
/// Notices from other nodes that wait to be handled at most.
const NOTICES_MAX: usize = 256;

/// The connections of one incarnation of a node.
pub struct Peers<H> {
    shared: Arc<NodeShared<H>>,
    events: mpsc::Sender<ConnectionEvent>,
    server: ActorRef<NodeServerMessage>,
    dispatchers: Vec<ActorCell>,
    tasks: [AbortOnDropHandle<()>; 2],
}

impl<H: ShardHost> Peers<H> {
    /// Accepts connections on `listener`, and dials no node yet. The receiver gets the notices of
    /// other nodes.
    ///
    /// # Errors
    /// [`SpawnErr`] when an actor of the transport does not start.
    pub async fn start(
        identity: Identity,
        listener: Arc<TcpListener>,
        host: Arc<H>,
        map: Arc<ShardMap>,
    ) -> Result<(Self, mpsc::Receiver<PeerNotice>), SpawnErr> {
        let (notices, received) = mpsc::channel(NOTICES_MAX);
        let me = identity.me;
        let shared = Arc::new(NodeShared::new(me, host, map, notices));
        let mut dispatchers = Vec::new();
        for _ in 0..available_parallelism().map_or(1, NonZero::get) {
            let (dispatcher, _) = Actor::spawn(None, Dispatcher(shared.clone()), ()).await?;
            dispatchers.push(dispatcher.get_cell());
        }
        ractor::pg::join(gate_group(me), dispatchers.clone());
        let server = node_server(&identity);
        let (server, _) = Actor::spawn(None, server, ()).await?;
        let (events, received_events) = mpsc::channel(64);
        let manager = ConnectionManager::new(
            identity.clone(),
            shared.clone(),
            server.clone(),
            events.clone(),
        );
        let managing = tokio::spawn(manager.run(received_events));
        let accepting = tokio::spawn(accept(identity, listener, events.clone()));
        let peers = Self {
            shared,
            events,
            server,
            dispatchers,
            tasks: [managing, accepting].map(AbortOnDropHandle::new),
        };
        Ok((peers, received))
    }

    /// Updates the nodes of the cluster: those that joined before this one are dialed, and those
    /// that have left are not dialed any more.
    pub async fn set_nodes(&self, nodes: Vec<NodeRecord>) {
        // The receiver is dropped only with this.
        let _ = self.events.send(ConnectionEvent::Nodes(nodes)).await;
    }

    /// Announces shards that have changed owners to all peers. A peer that misses it reads it from
    /// the table within a second.
    pub(crate) fn broadcast(&self, records: &[OwnershipRecord]) {
        for connection in self.shared.connections() {
            let updates = records.iter();
            let updates =
                updates.map(|&(shard, owner, epoch)| OwnershipUpdate::new(shard, owner, epoch));
            connection.try_send(Message::OwnershipUpdates(updates.collect()));
        }
    }

    /// Asks all peers to move shards to their assigned nodes. Returns how many were notified.
    pub(crate) fn broadcast_rebalance(&self) -> usize {
        let connections = self.shared.connections();
        let notified = connections.iter();
        let notified = notified.map(|connection| connection.try_send(Message::Rebalance));
        notified.filter(|is_notified| *is_notified).count()
    }

    /// The connected nodes, in no order.
    pub fn status(&self) -> Vec<PeerStatus> {
        let connections = self.shared.connections();
        let status = connections.iter().map(|connection| PeerStatus {
            node: connection.peer,
            round_trip: connection.round_trip(),
            silent_for: connection.silent_for(),
        });
        status.collect()
    }

    /// Drains all connections, so that no reply in flight is lost.
    pub(crate) async fn close_gracefully(&self) {
        close_gracefully(&self.shared.connections()).await;
    }

    /// Closes all connections; requests in flight on them are lost.
    pub async fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
        for connection in self.shared.remove_all() {
            connection.close();
        }
        self.shared.map.notify_waiters();
        ractor::pg::leave(gate_group(self.shared.me), self.dispatchers.clone());
        // Errors mean that it has stopped already.
        let _ = self.server.stop_and_wait(None, Some(CONNECT_TIMEOUT)).await;
        for dispatcher in &self.dispatchers {
            dispatcher.stop(None);
        }
    }
}

/// ractor's server of sessions. Its own listener cannot be omitted; its port is not announced, and
/// reachable from this machine only.
fn node_server(identity: &Identity) -> NodeServer {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    NodeServer::new(
        0,
        identity.session_cookie(),
        identity.me.to_string(),
        "fritzy".into(),
        None,
        None,
    )
    .with_listen_addr(loopback)
    .with_max_inbound_frame_size(INBOUND_FRAME_BYTES_MAX)
}

#[async_trait]
impl<H: ShardHost> Remote for Peers<H> {
    fn me(&self) -> NodeId {
        self.shared.me
    }

    fn wire(&self, node: NodeId) -> Option<u16> {
        Some(self.shared.connection(node)?.wire)
    }

    async fn ask(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        body: Vec<u8>,
    ) -> Result<Reply, AskError> {
        let connection = self.shared.connection(owner).ok_or(AskError::NotSent)?;
        connection
            .ask(shard, deadline, trace_context::current(), body)
            .await
    }
}

/// Dials the address at which this node is to be reached, and checks that this node accepts there.
pub(crate) async fn check_address(identity: &Identity, address: &str) -> Result<(), String> {
    let mut stream = connect(address).await?;
    match identity.probe(&mut stream, identity.me).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Probes whether a node accepts this one. Returns the reason when it responds and rejects.
pub(crate) async fn probe_rejection(
    identity: &Identity,
    node: NodeId,
    address: &str,
) -> Option<String> {
    // A node that is not reached may have ended, which its heartbeat will show.
    let mut stream = connect(address).await.ok()?;
    match identity.probe(&mut stream, node).await {
        // Another incarnation has the address by now.
        Err(HandshakeError::OtherNode { .. } | HandshakeError::Io(_) | HandshakeError::Timeout)
        | Ok(_) => None,
        Err(rejected) => Some(rejected.to_string()),
    }
}

#[cfg(test)]
mod tests;
