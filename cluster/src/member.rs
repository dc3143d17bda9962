//! A node's life in the cluster: it joins, takes and gives shards as the nodes change, and leaves. One that was fenced stops
//! all at once, and begins another life under another id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fritzy_domain::{
    ClusterState, Epoch, JoinError, Membership, NewNode, NodeId, NodeRecord, ReadError, Roles,
    ShardId, ShardLease,
};
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::gate::Told;
use crate::hello::Identity;
use crate::keeper::{Keeper, Kept};
use crate::peers::{PeerStatus, Peers, check_address, refusal};
use crate::renewing;
use crate::router::{Router, ShardHost};
use crate::wire::{WIRE_MAX, WIRE_MIN};
use crate::{Failure, LocalLease, TTL};

/// Before another life, and between two tries to join.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Nodes that are asked before this one joins at most: they have one cookie.
const ASKED_MAX: usize = 16;
/// For an address to lead here: names spread, and networks come up.
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(15);

/// The shards of a node, as its membership has them start and stop.
#[async_trait]
pub trait ShardLife: Send + Sync + 'static {
    /// Starts shards under these leases.
    ///
    /// # Errors
    /// [`Failure`], after which none of them runs.
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure>;

    /// Stops shards in order: no request is taken any more, what was taken is finished and written.
    async fn stop(&self, shards: &[ShardId]);

    /// Stops all shards at once: they are somebody else's.
    async fn abandon(&self);
}

/// How a node takes part.
#[derive(Clone)]
pub struct MemberConfig {
    /// Its name; no two nodes have one at a time.
    pub name: String,
    /// Its place in the network.
    pub network: Network,
    /// What it does.
    pub roles: Roles,
    /// Its program's version.
    pub program: String,
    /// The generation of its database.
    pub database: String,
}

/// A node's place in the network.
#[derive(Clone)]
pub struct Network {
    /// Where others reach it, `host:port`.
    pub address: String,
    /// What all nodes of the cluster know.
    pub cookie: String,
    /// The socket for other nodes.
    pub listener: Arc<TcpListener>,
}

/// Why a node is no member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Another node has the name.
    #[error(
        "a node named {name} is running{at}. Give each node a name of its own with --node-name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Where it is.
        at: String,
    },
    /// The advertised address leads elsewhere.
    #[error(
        "other nodes would not reach this one at {address}: {reason}. Give the right one with --cluster-advertise"
    )]
    Address {
        /// The address.
        address: String,
        /// What was met there.
        reason: String,
    },
    /// A node of the cluster does not let this one in.
    #[error(
        "node {name} at {address} does not let this one in: {reason}. All nodes of a cluster have one --cluster-cookie"
    )]
    Refused {
        /// The other node.
        name: String,
        /// Where it is.
        address: String,
        /// What it says.
        reason: String,
    },
    /// The table of nodes is out of reach.
    #[error("the table of nodes cannot be used: {0}")]
    Table(#[from] ReadError),
    /// Something of this machine.
    #[error("{0}")]
    Machine(String),
}

/// What is known of the cluster here.
#[derive(Clone, Debug, Default)]
pub struct MemberStatus {
    /// This run; `None` between two lives.
    pub me: Option<NodeId>,
    /// The nodes and owners, as of the last look.
    pub state: Arc<ClusterState>,
    /// When that was; `None` before the first.
    pub looked: Option<Instant>,
    /// Shards that run here.
    pub running: usize,
    /// Shards that are being handed over from here.
    pub moving: Vec<ShardId>,
    /// The nodes that are connected.
    pub peers: Vec<PeerStatus>,
    /// For how long this node may still answer without asking.
    pub lease: Option<Duration>,
    /// Whether it is giving everything away, or has.
    pub draining: bool,
}

/// What a member can be told.
pub(crate) enum Order {
    /// Give all shards away; answered once that is done.
    Drain(oneshot::Sender<()>),
    /// Be one that takes shards again.
    Stay(oneshot::Sender<()>),
    /// Move shards to where they should be, without waiting for the nodes to be the same for a while.
    Rebalance(oneshot::Sender<()>),
    /// The same on all nodes: answered with how many were told.
    RebalanceAll(oneshot::Sender<usize>),
    /// Leave: nothing runs any more.
    Leave(oneshot::Sender<()>),
}

/// A node among others.
pub struct Member {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<MemberStatus>,
}

pub(crate) struct Life<H> {
    pub(crate) config: MemberConfig,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) router: Arc<Router<H>>,
    pub(crate) shards: Arc<dyn ShardLife>,
    pub(crate) lease: LocalLease,
    pub(crate) status: watch::Sender<MemberStatus>,
}

impl Member {
    /// Joins. When this returns, the node is in the table, and takes shards as they fall to it.
    ///
    /// # Errors
    /// [`MemberError`], each with what to do.
    pub async fn start<H: ShardHost>(
        config: MemberConfig,
        membership: Arc<dyn Membership>,
        router: Arc<Router<H>>,
        shards: Arc<dyn ShardLife>,
        lease: LocalLease,
    ) -> Result<Self, MemberError> {
        let (status, shown) = watch::channel(MemberStatus::default());
        let (orders, ordered) = mpsc::channel(16);
        let life = Life {
            config,
            membership,
            router,
            shards,
            lease,
            status,
        };
        let first = life.begin().await?;
        tokio::spawn(live_on(life, first, ordered));
        Ok(Self {
            orders,
            status: shown,
        })
    }

    /// What is known of the cluster, now.
    pub fn status(&self) -> MemberStatus {
        self.status.borrow().clone()
    }

    /// To be told when that changes.
    pub fn watch(&self) -> watch::Receiver<MemberStatus> {
        self.status.clone()
    }

    /// Gives all shards away. Returns when that is done, or nobody is there to take them.
    pub async fn drain(&self) {
        self.order(Order::Drain).await;
    }

    /// Takes shards again after [`Self::drain`].
    pub async fn stay(&self) {
        self.order(Order::Stay).await;
    }

    /// Has shards move to where they should be now.
    pub async fn rebalance(&self) {
        self.order(Order::Rebalance).await;
    }

    /// Has shards move to where they should be now, also on the other nodes: each hands over its own. Answers how many nodes were
    /// told, this one included; one that is not connected is not, and moves its shards when the nodes have been the same for
    /// [`crate::STABLE_FOR`].
    pub async fn rebalance_all(&self) -> usize {
        let (told, is_told) = oneshot::channel();
        // Errors mean that this node is no member at the moment.
        match self.orders.send(Order::RebalanceAll(told)).await {
            Ok(()) => is_told.await.unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Stops what still runs, and takes this node out of the table.
    pub async fn leave(&self) {
        self.order(Order::Leave).await;
    }

    async fn order(&self, order: fn(oneshot::Sender<()>) -> Order) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(order(done)).await.is_ok() {
            // An error means that the member is gone.
            let _ = is_done.await;
        }
    }
}

/// One life after the other.
async fn live_on<H: ShardHost>(
    life: Life<H>,
    mut keeper: Keeper<H>,
    mut orders: mpsc::Receiver<Order>,
) {
    loop {
        let kept = keeper.keep(&mut orders).await;
        life.end(keeper).await;
        if kept == Kept::Left {
            return;
        }
        info!("beginning anew");
        keeper = loop {
            sleep(AGAIN_AFTER).await;
            match life.begin().await {
                Ok(keeper) => break keeper,
                Err(failure) => error!(%failure, "this node is no member of its cluster"),
            }
            if let Ok(Order::Leave(done)) = orders.try_recv() {
                let _ = done.send(());
                return;
            }
        };
    }
}

impl<H: ShardHost> Life<H> {
    /// Joins under a fresh id.
    async fn begin(&self) -> Result<Keeper<H>, MemberError> {
        let me = NodeId::from_uuid(Uuid::now_v7());
        let network = &self.config.network;
        let node = NewNode {
            id: me,
            name: self.config.name.clone(),
            address: Some(network.address.clone()),
            roles: self.config.roles,
            program: self.config.program.clone(),
            wire_min: WIRE_MIN,
            wire_max: WIRE_MAX,
        };
        let (peers, heard) = self.open(me, network).await?;
        let joined = async {
            self.join(&node).await?;
            let standing = renewing::start(self.membership.clone(), me, self.lease.clone());
            standing.map_err(|failure| MemberError::Machine(failure.to_string()))
        };
        match joined.await {
            Ok(standing) => {
                info!(node = %me, name = node.name, "joined");
                Ok(Keeper::new(self, me, peers, heard, standing))
            }
            Err(failure) => {
                self.router.set_remote(None);
                peers.stop().await;
                Err(failure)
            }
        }
    }

    /// Opens the way to others, and makes sure that they find theirs here.
    async fn open(
        &self,
        me: NodeId,
        network: &Network,
    ) -> Result<(Arc<Peers<H>>, mpsc::Receiver<Told>), MemberError> {
        let identity = Identity {
            me,
            name: self.config.name.clone(),
            database: self.config.database.clone(),
            cookie: network.cookie.clone(),
        };
        let (host, map) = (self.router.local().clone(), self.router.map().clone());
        let started = Peers::start(identity.clone(), network.listener.clone(), host, map).await;
        let (peers, heard) =
            started.map_err(|failure| MemberError::Machine(failure.to_string()))?;
        let peers = Arc::new(peers);
        let began = Instant::now();
        while let Err(reason) = check_address(&identity, &network.address).await {
            if began.elapsed() > ADDRESS_WAIT_MAX {
                peers.stop().await;
                let address = network.address.clone();
                return Err(MemberError::Address { address, reason });
            }
            warn!(
                reason,
                address = network.address,
                "this node does not reach itself; trying again"
            );
            sleep(AGAIN_AFTER).await;
        }
        if let Err(refused) = self.ask_others(&identity).await {
            peers.stop().await;
            return Err(refused);
        }
        self.router.set_remote(Some(peers.clone()));
        Ok((peers, heard))
    }

    /// Asks the nodes that there are whether they would let this one in. One that is in the table and that nobody talks to would
    /// take shards, and nobody could reach them.
    async fn ask_others(&self, identity: &Identity) -> Result<(), MemberError> {
        let look = self.membership.look(None, &[]).await?;
        let others = look.state.unwrap_or_default().nodes.into_iter();
        let others = others.filter(|other| !other.fenced && other.node.name != identity.name);
        let refusals = others.take(ASKED_MAX).map(async |other| {
            let address = other.node.address?;
            let reason = refusal(identity, other.node.id, &address).await?;
            let name = other.node.name;
            Some(MemberError::Refused {
                name,
                address,
                reason,
            })
        });
        match join_all(refusals).await.into_iter().flatten().next() {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Adds the row. A run that has the name must be over: its beat stands still.
    async fn join(&self, node: &NewNode) -> Result<(), MemberError> {
        loop {
            let other = match self.membership.join(node).await {
                Ok(()) => return Ok(()),
                Err(JoinError::Read(failure)) => return Err(failure.into()),
                Err(JoinError::NameTaken(other)) => other,
            };
            if !self.is_over(&other).await? {
                let at = other.node.address;
                let at = at.map_or_else(String::new, |at| format!(" at {at}"));
                let name = other.node.name;
                return Err(MemberError::NameTaken { name, at });
            }
        }
    }

    /// Whether another run is over. One whose beat stands still for as long as a lease lasts is fenced.
    async fn is_over(&self, other: &NodeRecord) -> Result<bool, MemberError> {
        let (id, name) = (other.node.id, &other.node.name);
        info!(name, node = %id, "waiting whether this run is over");
        let began = Instant::now();
        loop {
            let look = self.membership.look(None, &[id]).await?;
            match look.beats.first() {
                None => return Ok(true),
                Some((_, beat)) if *beat > other.beat => return Ok(false),
                Some((_, beat)) if began.elapsed() > TTL => {
                    if self.membership.fence(id, *beat).await? {
                        info!(name, node = %id, "it is over");
                        return Ok(true);
                    }
                    return Ok(false);
                }
                Some(_) => sleep(AGAIN_AFTER / 4).await,
            }
        }
    }

    /// Ends a life, whatever is left of it.
    async fn end(&self, keeper: Keeper<H>) {
        self.lease.end();
        self.router.set_remote(None);
        self.shards.abandon().await;
        keeper.close().await;
        let all: Vec<ShardId> = self.router.map().count().all().collect();
        self.router.map().forget(&all);
        self.status.send_replace(MemberStatus::default());
    }
}

/// The owners of a look, as the map takes them.
pub(crate) fn owners(
    state: &ClusterState,
) -> impl Iterator<Item = (ShardId, Option<NodeId>, Epoch)> + '_ {
    let gone: HashMap<NodeId, bool> = state
        .nodes
        .iter()
        .map(|record| (record.node.id, record.fenced))
        .collect();
    state.shards.iter().map(move |owned| {
        let alive = owned.owner.filter(|owner| gone.get(owner) == Some(&false));
        (owned.shard, alive, owned.epoch)
    })
}
