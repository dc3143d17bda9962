//! The other nodes: connections to them, kept and watched, and the way to ask them.
//!
//! Of two nodes the one that joined later calls the other, so that there is one connection. ractor's sessions neither
//! notice a peer that is silent nor come back by themselves; both is done here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, RwLock};
use std::thread::available_parallelism;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_types::{Deadline, NodeId, NodeRecord, ShardId};
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use ractor_cluster::{NodeServer, NodeServerMessage};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::protocol::frame::{Entry, News, Reply};
use crate::routing::router::ShardHost;
use crate::routing::shard_map::ShardMap;
use crate::transport::connection::{AskError, Link};
use crate::transport::connection_manager::{Connections, Happening};
use crate::transport::dispatcher::{Gate, Heard, Inside, PeerNotice, gates_of};
use crate::transport::handshake::{HelloError, Identity};

/// Opening a connection at most.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Frames between nodes at most: one holds 256 KiB, or a single entry; the largest is an order of 100 lines or a product.
const FRAME_BYTES_MAX: u64 = 4 << 20;
/// What others tell, and waits to be heard.
const TOLD_MAX: usize = 256;

/// A way to ask other nodes.
#[async_trait]
pub trait Remote: Send + Sync {
    /// Which node asks.
    fn me(&self) -> NodeId;

    /// Asks a shard of the node `owner`.
    async fn ask(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        body: Vec<u8>,
    ) -> Result<Reply, AskError>;
}

/// A node that this one is connected to.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// This run of it.
    pub node: NodeId,
    /// A ping's way there and back.
    pub round_trip: Option<Duration>,
    /// For how long nothing was heard.
    pub silent_for: Duration,
}

/// The connections of one run of a node.
pub struct Peers<H> {
    pub(crate) inside: Arc<Inside<H>>,
    happenings: mpsc::Sender<Happening>,
    server: ActorRef<NodeServerMessage>,
    gates: Vec<ActorCell>,
    tasks: Vec<AbortHandle>,
}

impl<H: ShardHost> Peers<H> {
    /// Accepts calls on `listener`, and calls nobody yet. What others tell goes to the receiver.
    pub async fn start(
        identity: Identity,
        listener: Arc<TcpListener>,
        host: Arc<H>,
        map: Arc<ShardMap>,
    ) -> Result<(Self, mpsc::Receiver<PeerNotice>), SpawnErr> {
        let (told, heard) = mpsc::channel(TOLD_MAX);
        let me = identity.me;
        let inside = Arc::new(Inside {
            me,
            host,
            map,
            links: RwLock::new(HashMap::new()),
            told,
        });
        let mut gates = Vec::new();
        for _ in 0..available_parallelism().map_or(1, NonZero::get) {
            let (gate, _) = Actor::spawn(None, Gate(inside.clone()), ()).await?;
            gates.push(gate.get_cell());
        }
        ractor::pg::join(gates_of(me), gates.clone());
        // Its own listener cannot be left out; nobody is told of it, and it is reached from this machine only.
        let nowhere = std::net::IpAddr::from([127, 0, 0, 1]);
        let server = NodeServer::new(
            0,
            identity.session_cookie(),
            me.to_string(),
            "fritzy".into(),
            None,
            None,
        );
        let server = server
            .with_listen_addr(nowhere)
            .with_max_inbound_frame_size(FRAME_BYTES_MAX);
        let (server, _) = Actor::spawn(None, server, ()).await?;
        let (happenings, happening) = mpsc::channel(64);
        let connections = Connections::new(
            identity.clone(),
            inside.clone(),
            server.clone(),
            happenings.clone(),
        );
        let connecting = tokio::spawn(connections.run(happening));
        let accepting = crate::transport::acceptor::accept(identity, listener, happenings.clone());
        let accepting = tokio::spawn(accepting);
        let peers = Self {
            inside,
            happenings,
            server,
            gates,
            tasks: vec![connecting.abort_handle(), accepting.abort_handle()],
        };
        Ok((peers, heard))
    }

    /// Notes which nodes there are: those are called that joined before this one, and left alone that are gone.
    pub async fn set_nodes(&self, nodes: Vec<NodeRecord>) {
        // Ends only with this.
        let _ = self.happenings.send(Happening::Nodes(nodes)).await;
    }

    /// Tells all peers of shards that have changed hands; who does not hear it looks it up within a second.
    pub(crate) fn tell(&self, news: &[Heard]) {
        let links = self.inside.links.read().expect("no writer panics");
        for link in links.values() {
            let news = news.iter();
            let news = news.map(|&(shard, owner, epoch)| News::new(shard, owner, epoch));
            link.try_send(Entry::News(news.collect()));
        }
    }

    /// Tells all peers to move shards to where they should be: how many were told.
    pub(crate) fn tell_rebalance(&self) -> usize {
        let links = self.inside.links.read().expect("no writer panics");
        let told = links.values().map(|link| link.try_send(Entry::Rebalance));
        told.filter(|is_told| *is_told).count()
    }

    /// The nodes that are connected.
    pub fn status(&self) -> Vec<PeerStatus> {
        let links = self.inside.links.read().expect("no writer panics");
        let status = |link: &Arc<Link>| PeerStatus {
            node: link.peer,
            round_trip: link.round_trip(),
            silent_for: link.silent_for(),
        };
        links.values().map(status).collect()
    }

    /// Ends all connections; what is under way on them is lost.
    pub async fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
        let links: Vec<_> = {
            let mut links = self.inside.links.write().expect("no writer panics");
            links.drain().map(|(_, link)| link).collect()
        };
        for link in links {
            link.down();
        }
        self.inside.map.touch();
        ractor::pg::leave(gates_of(self.inside.me), self.gates.clone());
        // Errors mean that it has stopped already.
        let _ = self.server.stop_and_wait(None, Some(CONNECT_MAX)).await;
        for gate in &self.gates {
            gate.stop(None);
        }
    }
}

impl<H> Drop for Peers<H> {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[async_trait]
impl<H: ShardHost> Remote for Peers<H> {
    fn me(&self) -> NodeId {
        self.inside.me
    }

    async fn ask(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        body: Vec<u8>,
    ) -> Result<Reply, AskError> {
        let link = self.inside.link(owner).ok_or(AskError::NotSent)?;
        link.ask(
            shard,
            deadline,
            crate::protocol::trace_context::current(),
            body,
        )
        .await
    }
}

/// Calls the address at which this node is to be reached, and makes sure that it is the one that answers.
pub(crate) async fn check_address(identity: &Identity, address: &str) -> Result<(), String> {
    let mut stream = connect(address).await?;
    match identity.probe(&mut stream, identity.me).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Asks a node whether it would let this one in: the reason why not, when it answers and does not.
pub(crate) async fn refusal(identity: &Identity, node: NodeId, address: &str) -> Option<String> {
    // One that is not reached may be over, which the table will tell.
    let mut stream = connect(address).await.ok()?;
    match identity.probe(&mut stream, node).await {
        // Another run has the address by now.
        Err(HelloError::OtherNode { .. } | HelloError::Io(_) | HelloError::Silent) | Ok(_) => None,
        Err(refused) => Some(refused.to_string()),
    }
}

/// Opens a connection; words are sent as they come.
pub(crate) async fn connect(address: &str) -> Result<TcpStream, String> {
    let connected = timeout(CONNECT_MAX, TcpStream::connect(address)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(failure)) => return Err(failure.to_string()),
        Err(_) => return Err(format!("no answer for {} s", CONNECT_MAX.as_secs())),
    };
    stream
        .set_nodelay(true)
        .map_err(|failure| failure.to_string())?;
    Ok(stream)
}

/// The address of the other end, for the log.
pub(crate) fn other_end(stream: &TcpStream) -> String {
    let unknown = |_| "unknown".to_owned();
    stream
        .peer_addr()
        .map_or_else(unknown, |address: SocketAddr| address.to_string())
}

#[cfg(test)]
mod tests;
