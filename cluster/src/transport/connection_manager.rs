//! The task that keeps one connection to each other node, ready or being opened, and watches them
//! by heartbeats.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{NodeId, NodeRecord};
use ractor::{ActorId, ActorRef};
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeEventSubscription, NodeServerMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::protocol::gate_message::GateMessage;
use crate::routing::host::ShardHost;
use crate::transport::closable_stream::{ClosableStream, CloseHandle};
use crate::transport::connection::PeerConnection;
use crate::transport::dialer::dial_forever;
use crate::transport::event::{ConnectionEvent, NewConnection};
use crate::transport::handshake::{Identity, PeerInfo};
use crate::transport::shared::{NodeShared, PeerNotice, gate_group};

/// Between two heartbeats on a connection.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A peer that sends nothing for so long is disconnected, even if its socket is open. Shorter than
/// a node's lease, so that requests go to the next owner as soon as there is one.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// From the handshake until ractor's session is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(5);
/// For a connected node to appear in the node table.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections from nodes that are not in the table yet at most; each has shown the cookie, and
/// dials again.
const UNKNOWN_LEN_MAX: usize = 64;

/// A connection whose handshake has succeeded.
struct OpenConnection {
    peer: PeerInfo,
    since: Instant,
    /// `None` once the connection is being closed.
    close_handle: Option<CloseHandle>,
    /// The rest is there once the session is ready.
    ready: Option<Arc<PeerConnection>>,
    writer: Option<AbortOnDropHandle<()>>,
    _alive: Option<oneshot::Sender<()>>,
}

/// The connections of a node, by the numbers that ractor's sessions are labelled with.
pub(crate) struct ConnectionManager<H> {
    identity: Identity,
    shared: Arc<NodeShared<H>>,
    server: ActorRef<NodeServerMessage>,
    events: mpsc::Sender<ConnectionEvent>,
    open: HashMap<u64, OpenConnection>,
    /// Connections that wait until the previous one to the same peer has ended.
    next: HashMap<NodeId, NewConnection>,
    /// Connections from nodes that are not in the node table as last read, and since when. They get
    /// no session before they are in it: a node on a copy of the database has the same id,
    /// and would announce owners that are not.
    unknown: HashMap<NodeId, (NewConnection, Instant)>,
    dialers: HashMap<NodeId, AbortOnDropHandle<()>>,
    nodes: HashMap<NodeId, NodeRecord>,
    last_number: u64,
}

impl<H: ShardHost> ConnectionManager<H> {
    pub(crate) fn new(
        identity: Identity,
        shared: Arc<NodeShared<H>>,
        server: ActorRef<NodeServerMessage>,
        events: mpsc::Sender<ConnectionEvent>,
    ) -> Self {
        Self {
            identity,
            shared,
            server,
            events,
            open: HashMap::new(),
            next: HashMap::new(),
            unknown: HashMap::new(),
            dialers: HashMap::new(),
            nodes: HashMap::new(),
            last_number: 0,
        }
    }

    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<ConnectionEvent>) {
        let (sessions, mut session_events) = mpsc::unbounded_channel();
        let subscribe = NodeServerMessage::SubscribeToEvents {
            id: "connections".into(),
            subscription: Box::new(SessionEvents(sessions)),
        };
        // An error means that this node is stopping.
        let _ = self.server.send_message(subscribe);
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => return,
                },
                Some(event) = session_events.recv() => self.on_event(event),
                _ = heartbeat.tick() => self.on_heartbeat(),
            }
        }
    }

    fn on_event(&mut self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Handshake(connection) => self.on_handshake(connection),
            ConnectionEvent::Ready { number, session } => self.on_ready(number, session),
            ConnectionEvent::Closed { number } => self.on_closed(number),
            ConnectionEvent::Nodes(nodes) => self.set_nodes(nodes),
        }
    }

    /// Opens a session on a new connection, once an older one to the same node has ended: a peer
    /// that connects anew knows that the older one is lost.
    fn on_handshake(&mut self, new: NewConnection) {
        let node = new.peer.node;
        if !new.dialed && !self.nodes.contains_key(&node) {
            if self.unknown.len() < UNKNOWN_LEN_MAX {
                self.unknown.insert(node, (new, Instant::now()));
                // If the notice is dropped, the next poll does the same within a second.
                self.shared.notify(PeerNotice::UnknownNode);
            }
            return;
        }
        let mut previous = self.open.values_mut().filter(|open| open.peer.node == node);
        if let Some(previous) = previous.next() {
            previous.close_handle = None;
            self.next.insert(node, new);
            return;
        }
        self.open_session(new);
    }

    fn open_session(&mut self, new: NewConnection) {
        let NewConnection {
            peer,
            stream,
            dialed,
            alive,
        } = new;
        self.last_number += 1;
        let number = self.last_number;
        let (read, write) = stream.into_split();
        let (stream, close_handle) =
            ClosableStream::new(Box::new(read), Box::new(write), number.to_string());
        let opened = NodeServerMessage::ConnectionOpenedExternal {
            stream: Box::new(stream),
            is_server: !dialed,
        };
        if self.server.send_message(opened).is_err() {
            return;
        }
        let connection = OpenConnection {
            peer,
            since: Instant::now(),
            close_handle: Some(close_handle),
            ready: None,
            writer: None,
            _alive: alive,
        };
        self.open.insert(number, connection);
    }

    fn on_ready(&mut self, number: u64, session: u64) {
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        let peer = open.peer.node;
        let of_session =
            |id: ActorId| matches!(id, ActorId::Remote { node_id, .. } if node_id == session);
        let dispatchers: Vec<ActorRef<GateMessage>> = ractor::pg::get_members(&gate_group(peer))
            .into_iter()
            .filter(|dispatcher| of_session(dispatcher.get_id()))
            .map(ActorRef::from)
            .collect();
        if dispatchers.is_empty() {
            warn!(peer = %open.peer.name, "dropping a connection to a node without dispatchers");
            open.close_handle = None;
            return;
        }
        let (connection, queued) = PeerConnection::new(&open.peer, dispatchers);
        let connection = Arc::new(connection);
        let (me, writer) = (self.identity.me, connection.clone());
        let writing = tokio::spawn(async move { writer.write(me, queued).await });
        open.writer = Some(AbortOnDropHandle::new(writing));
        open.ready = Some(connection.clone());
        self.shared.insert(connection);
        let wire = open.peer.wire;
        info!(peer = %open.peer.name, node = %peer, wire, "connected");
        self.shared.map.notify_waiters();
        // If the notice is dropped, the next poll publishes the same.
        self.shared.notify(PeerNotice::Connected);
    }

    fn on_closed(&mut self, number: u64) {
        let Some(closed) = self.open.remove(&number) else {
            return;
        };
        let peer = closed.peer.node;
        self.disconnect(&closed);
        if let Some(next) = self.next.remove(&peer) {
            self.open_session(next);
        }
    }

    fn disconnect(&self, open: &OpenConnection) {
        if let Some(writer) = &open.writer {
            writer.abort();
        }
        let Some(connection) = &open.ready else {
            return;
        };
        connection.close();
        if self.shared.remove(connection) {
            info!(peer = %connection.name, node = %connection.peer, "disconnected");
        }
        self.shared.map.notify_waiters();
    }

    fn set_nodes(&mut self, nodes: Vec<NodeRecord>) {
        let me = self.identity.me;
        let alive = nodes.into_iter().filter(|record| !record.fenced);
        self.nodes = alive.map(|record| (record.node.id, record)).collect();
        // Dropping a dialer ends it.
        self.dialers.retain(|node, _| self.nodes.contains_key(node));
        let is_known =
            |node: &NodeId, _: &mut (NewConnection, Instant)| self.nodes.contains_key(node);
        let known: Vec<_> = self.unknown.extract_if(is_known).collect();
        for (_, (connection, _)) in known {
            self.on_handshake(connection);
        }
        // Ids grow with time: these nodes joined first.
        for (id, record) in self.nodes.iter().filter(|(id, _)| **id < me) {
            let Some(address) = &record.node.address else {
                continue;
            };
            self.dialers.entry(*id).or_insert_with(|| {
                let dialing = dial_forever(
                    self.identity.clone(),
                    *id,
                    record.node.name.clone(),
                    address.clone(),
                    self.events.clone(),
                );
                AbortOnDropHandle::new(tokio::spawn(dialing))
            });
        }
    }

    /// Pings all peers, and drops connections that are silent, not ready in time, or to unknown
    /// nodes.
    fn on_heartbeat(&mut self) {
        self.unknown.retain(|node, (connection, since)| {
            let waits = since.elapsed() <= UNKNOWN_TIMEOUT;
            if !waits {
                let name = &connection.peer.name;
                warn!(name, %node, "rejecting a node that is not in the node table; its database may be a copy of this one");
            }
            waits
        });
        let mut dropped = Vec::new();
        for (number, open) in &mut self.open {
            let age = open.since.elapsed();
            let known = self.nodes.contains_key(&open.peer.node);
            let reason = match &open.ready {
                _ if open.close_handle.is_none() => None,
                _ if !known && age > UNKNOWN_TIMEOUT => Some("it is not in the node table"),
                None if age > READY_TIMEOUT => Some("its session is not ready in time"),
                Some(connection) if connection.is_broken() => {
                    Some("it has sent a frame that cannot be decoded")
                }
                Some(connection) if connection.silent_for() > SILENCE_MAX => Some("it is silent"),
                Some(connection) => {
                    connection.ping();
                    None
                }
                None => None,
            };
            if let Some(reason) = reason {
                warn!(peer = %open.peer.name, reason, "dropping a connection");
                open.close_handle = None;
                dropped.push(*number);
            }
        }
        for number in dropped {
            // Requests on it need not wait for the session's end.
            self.disconnect(&self.open[&number]);
        }
    }
}

/// Forwards the events of ractor's sessions.
struct SessionEvents(mpsc::UnboundedSender<ConnectionEvent>);

impl SessionEvents {
    fn forward(
        &self,
        session: &NodeServerSessionInformation,
        event: fn(u64, u64) -> ConnectionEvent,
    ) {
        // Others are not ours: they came through ractor's own listener, which is not announced.
        if let Ok(number) = session.peer_addr.parse() {
            let _ = self.0.send(event(number, session.node_id));
        }
    }
}

impl NodeEventSubscription for SessionEvents {
    fn node_session_opened(&self, _session: NodeServerSessionInformation) {}

    fn node_session_authenticated(&self, _session: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        self.forward(&session, |number, session| ConnectionEvent::Ready {
            number,
            session,
        });
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.forward(&session, |number, _| ConnectionEvent::Closed { number });
    }
}
