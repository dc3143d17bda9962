//! The task that keeps the connections to other nodes: one to each, ready or on its way, watched by heartbeats.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{NodeId, NodeRecord};
use ractor::{ActorId, ActorRef};
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeEventSubscription, NodeServerMessage};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::routing::router::ShardHost;
use crate::transport::closable_stream::{Closer, Guarded};
use crate::transport::connection::Link;
use crate::transport::dialer::call_for_ever;
use crate::transport::dispatcher::{GateMessage, Inside, PeerNotice, gates_of};
use crate::transport::handshake::{Identity, Met};

/// Between two heartbeats.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A peer that was not heard for so long is dropped, whatever its socket says: less than the lease of a node, so that its
/// shards are looked for elsewhere when they are to be had there.
const SILENT_MAX: Duration = Duration::from_secs(3);
/// From the hello until ractor's session is ready.
const READY_MAX: Duration = Duration::from_secs(5);
/// A node that is not in the table for so long after it came has no business here.
const UNKNOWN_MAX: Duration = Duration::from_secs(10);
/// Callers who are not in the table yet at most; each has shown the cookie, and calls again.
const UNKNOWN_LEN_MAX: usize = 64;

/// What happens to connections.
pub(crate) enum Happening {
    /// Two nodes have met over a new connection.
    Met(Newcomer),
    /// The session of a connection is ready, by ractor's number of its peer.
    Ready { number: u64, session: u64 },
    /// The session of a connection has ended.
    Ended { number: u64 },
    /// The nodes that there are.
    Nodes(Vec<NodeRecord>),
}

/// A connection.
struct Connection {
    met: Met,
    since: Instant,
    closer: Option<Closer>,
    link: Option<Arc<Link>>,
    writing: Option<AbortHandle>,
    _gone: Option<oneshot::Sender<()>>,
}

/// A new connection, which has no session yet.
pub(crate) struct Newcomer {
    pub(crate) met: Met,
    pub(crate) stream: TcpStream,
    /// Whether this node has called.
    pub(crate) called: bool,
    /// Told when the connection is gone.
    pub(crate) gone: Option<oneshot::Sender<()>>,
}

pub(crate) struct Connections<H> {
    identity: Identity,
    inside: Arc<Inside<H>>,
    server: ActorRef<NodeServerMessage>,
    happenings: mpsc::Sender<Happening>,
    open: HashMap<u64, Connection>,
    /// Those that wait until the connection before theirs is gone.
    next: HashMap<NodeId, Newcomer>,
    /// Callers that are not in the table as it was read last, and when they came. Nothing is heard of them before they are: one
    /// on a copy of the database has the same generation, and would speak of owners that are none.
    unknown: HashMap<NodeId, (Newcomer, Instant)>,
    callers: HashMap<NodeId, AbortHandle>,
    nodes: HashMap<NodeId, NodeRecord>,
    numbers: u64,
}

impl<H> Drop for Connections<H> {
    fn drop(&mut self) {
        for caller in self.callers.values() {
            caller.abort();
        }
        for connection in self.open.values() {
            if let Some(writing) = &connection.writing {
                writing.abort();
            }
        }
    }
}

impl<H: ShardHost> Connections<H> {
    pub(crate) fn new(
        identity: Identity,
        inside: Arc<Inside<H>>,
        server: ActorRef<NodeServerMessage>,
        happenings: mpsc::Sender<Happening>,
    ) -> Self {
        Self {
            identity,
            inside,
            server,
            happenings,
            open: HashMap::new(),
            next: HashMap::new(),
            unknown: HashMap::new(),
            callers: HashMap::new(),
            nodes: HashMap::new(),
            numbers: 0,
        }
    }

    pub(crate) async fn run(mut self, mut happening: mpsc::Receiver<Happening>) {
        let (sessions, mut session) = mpsc::unbounded_channel();
        let subscribe = NodeServerMessage::SubscribeToEvents {
            id: "connections".into(),
            subscription: Box::new(Sessions(sessions)),
        };
        // An error means that this node is stopping.
        let _ = self.server.send_message(subscribe);
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                happened = happening.recv() => match happened {
                    Some(happened) => self.happened(happened),
                    None => return,
                },
                Some(happened) = session.recv() => self.happened(happened),
                _ = beat.tick() => self.beat(),
            }
        }
    }

    fn happened(&mut self, happened: Happening) {
        match happened {
            Happening::Met(newcomer) => self.met(newcomer),
            Happening::Ready { number, session } => self.ready(number, session),
            Happening::Ended { number } => self.ended(number),
            Happening::Nodes(nodes) => self.set_nodes(nodes),
        }
    }

    /// Opens a session on a new connection, once an older one to the same node is gone: whoever comes anew knows that it is.
    fn met(&mut self, next: Newcomer) {
        let node = next.met.node;
        if !next.called && !self.nodes.contains_key(&node) {
            if self.unknown.len() < UNKNOWN_LEN_MAX {
                self.unknown.insert(node, (next, Instant::now()));
                // One that cannot be sent now is as good as the next look, within a second.
                let _ = self.inside.told.try_send(PeerNotice::Newcomer);
            }
            return;
        }
        let mut before = self.open.values_mut().filter(|open| open.met.node == node);
        if let Some(before) = before.next() {
            before.closer = None;
            self.next.insert(node, next);
            return;
        }
        self.open(next);
    }

    fn open(&mut self, next: Newcomer) {
        let Newcomer {
            met,
            stream,
            called,
            gone,
        } = next;
        self.numbers += 1;
        let number = self.numbers;
        let (read, write) = stream.into_split();
        let (stream, closer) = Guarded::new(Box::new(read), Box::new(write), number.to_string());
        let opened = NodeServerMessage::ConnectionOpenedExternal {
            stream: Box::new(stream),
            is_server: !called,
        };
        if self.server.send_message(opened).is_err() {
            return;
        }
        let connection = Connection {
            met,
            since: Instant::now(),
            closer: Some(closer),
            link: None,
            writing: None,
            _gone: gone,
        };
        self.open.insert(number, connection);
    }

    fn ready(&mut self, number: u64, session: u64) {
        let Some(connection) = self.open.get_mut(&number) else {
            return;
        };
        let peer = connection.met.node;
        let of_session =
            |id: ActorId| matches!(id, ActorId::Remote { node_id, .. } if node_id == session);
        let gates: Vec<ActorRef<GateMessage>> = ractor::pg::get_members(&gates_of(peer))
            .into_iter()
            .filter(|gate| of_session(gate.get_id()))
            .map(ActorRef::from)
            .collect();
        if gates.is_empty() {
            warn!(peer = %connection.met.name, "a node without gates");
            connection.closer = None;
            return;
        }
        let (link, queued) = Link::new(&connection.met, gates);
        let link = Arc::new(link);
        let (me, wire, writer) = (self.identity.me, connection.met.wire, link.clone());
        let writing = tokio::spawn(async move { writer.write(me, wire, queued).await });
        connection.writing = Some(writing.abort_handle());
        connection.link = Some(link.clone());
        let mut links = self.inside.links.write().expect("no writer panics");
        links.insert(peer, link);
        drop(links);
        info!(peer = %connection.met.name, node = %peer, "connected");
        self.inside.map.touch();
        // One that cannot be sent now is told by the next look.
        let _ = self.inside.told.try_send(PeerNotice::Connected);
    }

    fn ended(&mut self, number: u64) {
        let Some(connection) = self.open.remove(&number) else {
            return;
        };
        let peer = connection.met.node;
        self.drop_link(&connection);
        if let Some(next) = self.next.remove(&peer) {
            self.open(next);
        }
    }

    fn drop_link(&self, connection: &Connection) {
        if let Some(writing) = &connection.writing {
            writing.abort();
        }
        let Some(link) = &connection.link else {
            return;
        };
        link.down();
        let mut links = self.inside.links.write().expect("no writer panics");
        if links
            .get(&link.peer)
            .is_some_and(|known| Arc::ptr_eq(known, link))
        {
            links.remove(&link.peer);
            info!(peer = %link.name, node = %link.peer, "disconnected");
        }
        drop(links);
        self.inside.map.touch();
    }

    fn set_nodes(&mut self, nodes: Vec<NodeRecord>) {
        let me = self.identity.me;
        let alive = nodes.into_iter().filter(|record| !record.fenced);
        self.nodes = alive.map(|record| (record.node.id, record)).collect();
        self.callers.retain(|node, caller| {
            let stays = self.nodes.contains_key(node);
            if !stays {
                caller.abort();
            }
            stays
        });
        let known = |node: &NodeId, _: &mut (Newcomer, Instant)| self.nodes.contains_key(node);
        let come: Vec<_> = self.unknown.extract_if(known).collect();
        for (_, (newcomer, _)) in come {
            self.met(newcomer);
        }
        // Ids grow with time: the other one was there first.
        for (id, record) in self.nodes.iter().filter(|(id, _)| **id < me) {
            let Some(address) = &record.node.address else {
                continue;
            };
            self.callers.entry(*id).or_insert_with(|| {
                let calling = call_for_ever(
                    self.identity.clone(),
                    *id,
                    record.node.name.clone(),
                    address.clone(),
                    self.happenings.clone(),
                );
                tokio::spawn(calling).abort_handle()
            });
        }
    }

    /// Asks all whether they live, and drops those that are silent, not ready, or unknown.
    fn beat(&mut self) {
        self.unknown.retain(|node, (newcomer, since)| {
            let waits = since.elapsed() <= UNKNOWN_MAX;
            if !waits {
                let name = &newcomer.met.name;
                warn!(name, %node, "a caller is not let in: it is not in the table of nodes; its database may be a copy of this one");
            }
            waits
        });
        let mut dropped = Vec::new();
        for (number, connection) in &mut self.open {
            let age = connection.since.elapsed();
            let known = self.nodes.contains_key(&connection.met.node);
            let reason = match &connection.link {
                _ if connection.closer.is_none() => None,
                _ if !known && age > UNKNOWN_MAX => Some("it is not in the table of nodes"),
                None if age > READY_MAX => Some("its session is not ready in time"),
                Some(link) if link.silent_for() > SILENT_MAX => Some("it is silent"),
                Some(link) => {
                    link.ping();
                    None
                }
                None => None,
            };
            if let Some(reason) = reason {
                warn!(peer = %connection.met.name, reason, "dropping a connection");
                connection.closer = None;
                dropped.push(*number);
            }
        }
        for number in dropped {
            // What waits on it need not wait for the session's end.
            self.drop_link(&self.open[&number]);
        }
    }
}

/// Hears of ractor's sessions.
struct Sessions(mpsc::UnboundedSender<Happening>);

impl Sessions {
    fn tell(&self, session: &NodeServerSessionInformation, happened: fn(u64, u64) -> Happening) {
        // Others are not ours: they came by the listener that nobody is told of.
        if let Ok(number) = session.peer_addr.parse() {
            let _ = self.0.send(happened(number, session.node_id));
        }
    }
}

impl NodeEventSubscription for Sessions {
    fn node_session_opened(&self, _session: NodeServerSessionInformation) {}

    fn node_session_authenticated(&self, _session: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        self.tell(&session, |number, session| Happening::Ready {
            number,
            session,
        });
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.tell(&session, |number, _| Happening::Ended { number });
    }
}
