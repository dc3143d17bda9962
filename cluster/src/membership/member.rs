//! A node's life in the cluster: it joins, takes and gives shards as the nodes change, and leaves. One that was fenced stops
//! all at once, and begins another life under another id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fritzy_types::{
    ClusterState, Epoch, Failure, Membership, NodeId, Roles, ShardId, ShardLease, StorageError,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use tracing::{error, info};

use crate::membership::coordinator::{Keeper, Kept};
use crate::membership::heartbeat::Renewals;
use crate::membership::lease::LocalLease;
use crate::routing::router::{Router, ShardHost};
use crate::transport::peers::PeerStatus;

/// Before another life, and between two tries to join.
pub(crate) const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The shards of a node, as its membership has them start and stop.
#[async_trait]
pub trait ShardLifecycle: Send + Sync + 'static {
    /// Starts shards under these leases.
    ///
    /// # Errors
    /// [`Failure`], after which none of them runs.
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure>;

    /// Stops shards in order: no request is taken any more, what was taken is finished and written.
    async fn stop(&self, shards: &[ShardId]);

    /// Stops all shards: they are somebody else's. Takes a second or two at most; none of them answers afterwards.
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
        "node {name} at {address} does not let this one in: {reason}. All nodes of a cluster have one database and one --cluster-cookie"
    )]
    HostError {
        /// The other node.
        name: String,
        /// Where it is.
        address: String,
        /// What it says.
        reason: String,
    },
    /// The table of nodes is out of reach.
    #[error("the table of nodes cannot be used: {0}")]
    Table(#[from] StorageError),
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
    pub(crate) shards: Arc<dyn ShardLifecycle>,
    pub(crate) lease: LocalLease,
    pub(crate) renewals: Renewals,
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
        shards: Arc<dyn ShardLifecycle>,
        lease: LocalLease,
    ) -> Result<Self, MemberError> {
        let (status, shown) = watch::channel(MemberStatus::default());
        let (orders, ordered) = mpsc::channel(16);
        let renewals = Renewals::start(membership.clone(), lease.clone());
        let renewals = renewals.map_err(|failure| MemberError::Machine(failure.to_string()))?;
        let life = Life {
            config,
            membership,
            router,
            shards,
            lease,
            renewals,
            status,
        };
        life.router.expect_others();
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
