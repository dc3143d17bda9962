//! What a node does while it is a member: it looks at the tables each second, fences the dead, takes what falls to it, and
//! hands over what should be elsewhere.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{
    ClusterSnapshot, ClusterState, Membership, NodeId, NodeRecord, ShardId, ShardLease,
    StorageError,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::membership::failure_detector::{FailureDetector, watched};
use crate::membership::handoff::STEP_MAX;
use crate::membership::heartbeat::Standing;
use crate::membership::lease::{LocalLease, TTL};
use crate::membership::member::{Life, MemberStatus, Order, ShardLifecycle, owners};
use crate::placement::rebalance::{Planner, STABLE_FOR, View};
use crate::routing::router::{Router, ShardHost};
use crate::transport::dispatcher::{Heard, PeerNotice};
use crate::transport::peers::Peers;

/// Between two looks at the tables: a little less than half of what counts as a gap, so that one lost look is none.
const LOOK_EVERY: Duration = Duration::from_millis(900);
/// Shards on the move from one node at most: requests to them wait meanwhile, for some milliseconds.
const IN_MOTION_MAX: usize = 64;

/// Why a life is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The node has left.
    Left,
    /// It was fenced.
    Fenced,
}

/// One life of a member.
pub(crate) struct Keeper<H> {
    pub(crate) me: NodeId,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) router: Arc<Router<H>>,
    pub(crate) shards: Arc<dyn ShardLifecycle>,
    pub(crate) lease: LocalLease,
    pub(crate) status: watch::Sender<MemberStatus>,
    pub(crate) peers: Arc<Peers<H>>,
    pub(crate) heard: mpsc::Receiver<PeerNotice>,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) liveness: FailureDetector,
    pub(crate) planner: Planner,
    pub(crate) known: Option<u64>,
    pub(crate) state: Arc<ClusterState>,
    pub(crate) looked: Option<Instant>,
    /// The nodes that may own shards, and since when they are the same.
    pub(crate) owning: (Vec<NodeId>, Instant),
    /// What runs here, and under which leases.
    pub(crate) running: HashMap<ShardId, ShardLease>,
    /// What is being handed over.
    pub(crate) moving: HashSet<ShardId>,
    /// Steps of hand-overs that are done.
    pub(crate) moved: (mpsc::Sender<Vec<ShardId>>, mpsc::Receiver<Vec<ShardId>>),
    /// Those who wait until everything is given away.
    pub(crate) draining: Vec<oneshot::Sender<()>>,
    /// What the table shall say of it, until it does.
    pub(crate) drain: Option<bool>,
    /// What it says.
    pub(crate) is_draining: bool,
    /// Whether to move at once.
    pub(crate) hurried: bool,
}

impl<H: ShardHost> Keeper<H> {
    pub(crate) fn new(
        life: &Life<H>,
        me: NodeId,
        peers: Arc<Peers<H>>,
        heard: mpsc::Receiver<PeerNotice>,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        Self {
            me,
            membership: life.membership.clone(),
            router: life.router.clone(),
            shards: life.shards.clone(),
            lease: life.lease.clone(),
            status: life.status.clone(),
            peers,
            heard,
            standing,
            liveness: FailureDetector::new(me, TTL),
            planner: Planner::new(me, life.router.map().count(), IN_MOTION_MAX),
            known: None,
            state: Arc::default(),
            looked: None,
            owning: (Vec::new(), Instant::now()),
            running: HashMap::new(),
            moving: HashSet::new(),
            moved: mpsc::channel(IN_MOTION_MAX),
            draining: Vec::new(),
            drain: None,
            is_draining: false,
            hurried: false,
        }
    }

    /// Keeps its shards until it leaves or is fenced.
    pub(crate) async fn keep(&mut self, orders: &mut mpsc::Receiver<Order>) -> Kept {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if *self.standing.borrow() == Standing::Fenced {
                return Kept::Fenced;
            }
            tokio::select! {
                changed = self.standing.changed() => match changed {
                    Ok(()) => continue,
                    // The renewals have died: so will the lease.
                    Err(_) => return Kept::Fenced,
                },
                _ = look.tick() => {}
                Some(told) = self.heard.recv() => match told {
                    PeerNotice::Rebalance => {
                        info!("another node wants shards to move to where they should be");
                        self.hurried = true;
                    }
                    PeerNotice::Newcomer | PeerNotice::Connected => {}
                    PeerNotice::News(news) => {
                        self.router.map().learn(self.me, news.iter().copied());
                        // Shards that were given back may be ours.
                        if news.iter().all(|(_, owner, _)| owner.is_some()) {
                            continue;
                        }
                    }
                },
                Some(shards) = self.moved.1.recv() => {
                    for shard in shards {
                        self.moving.remove(&shard);
                        self.running.remove(&shard);
                    }
                }
                order = orders.recv() => match order {
                    Some(Order::Leave(done)) => {
                        self.leave().await;
                        let _ = done.send(());
                        return Kept::Left;
                    }
                    Some(order) => self.obey(order).await,
                    None => {
                        self.leave().await;
                        return Kept::Left;
                    }
                },
            }
            if let Err(failure) = self.look_and_act().await {
                warn!(%failure, "the tables of nodes and shards are out of reach; what runs, runs on");
            }
            self.show();
        }
    }

    /// Puts away what holds the outside world.
    pub(crate) async fn close(self) {
        self.peers.stop().await;
        for done in self.draining {
            let _ = done.send(());
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Drain(done) => {
                self.draining.push(done);
                self.drain = Some(true);
            }
            Order::Stay(done) => {
                self.drain = Some(false);
                let _ = done.send(());
            }
            Order::Rebalance(done) => {
                self.hurried = true;
                let _ = done.send(());
            }
            Order::RebalanceAll(told) => {
                self.hurried = true;
                let _ = told.send(1 + self.peers.tell_rebalance());
            }
            Order::Leave(_) => unreachable!("handled where the life ends"),
        }
    }

    async fn look_and_act(&mut self) -> Result<(), StorageError> {
        if let Some(drain) = self.drain {
            self.membership.set_draining(self.me, drain).await?;
            self.drain = None;
        }
        let standing: Vec<NodeId> = self
            .state
            .nodes
            .iter()
            .filter(|record| !record.fenced)
            .map(|record| record.node.id)
            .collect();
        let watched = watched(self.me, &standing);
        let ClusterSnapshot {
            version,
            state,
            beats,
        } = self.membership.read_state(self.known, &watched).await?;
        let now = Instant::now();
        self.looked = Some(now);
        if let Some(state) = state {
            self.take_notice(state).await;
            self.known = Some(version);
        }
        self.fence_the_dead(now, &beats).await?;
        self.act().await
    }

    /// Notes a change of nodes or owners.
    async fn take_notice(&mut self, state: ClusterState) {
        self.router.map().learn(self.me, owners(&state));
        let may_own =
            |record: &&NodeRecord| !record.fenced && !record.draining && record.node.roles.entities;
        let owning: Vec<NodeId> = state
            .nodes
            .iter()
            .filter(may_own)
            .map(|record| record.node.id)
            .collect();
        if owning != self.owning.0 {
            info!(
                nodes = owning.len(),
                "the nodes that own shards have changed"
            );
            self.owning = (owning, Instant::now());
        }
        self.peers.set_nodes(state.nodes.clone()).await;
        let me = state.nodes.iter().find(|record| record.node.id == self.me);
        self.is_draining = me.is_some_and(|record| record.draining);
        self.state = Arc::new(state);
    }

    async fn fence_the_dead(
        &mut self,
        now: Instant,
        beats: &[(NodeId, u64)],
    ) -> Result<(), StorageError> {
        let renewed = match *self.standing.borrow() {
            Standing::Member(renewed) => renewed,
            Standing::Fenced => None,
        };
        for (node, beat) in self.liveness.observe(now, renewed, beats) {
            if self.membership.fence(node, beat).await? {
                warn!(%node, beat, "a node is taken for dead");
                // Its shards are to be had now, not with the next look.
                let look = self.membership.read_state(self.known, &[]).await?;
                if let Some(state) = look.state {
                    self.take_notice(state).await;
                    self.known = Some(look.version);
                }
            }
        }
        Ok(())
    }

    async fn act(&mut self) -> Result<(), StorageError> {
        let state = self.state.clone();
        let all: Vec<Option<NodeId>> = state.shards.iter().map(|owned| owned.owner).collect();
        let moving: Vec<ShardId> = self.moving.iter().copied().collect();
        let plan = self.planner.plan(&View {
            nodes: &state.nodes,
            owners: &all,
            in_motion: &moving,
            stable: self.hurried || self.owning.1.elapsed() >= STABLE_FOR,
        });
        if !plan.take.is_empty() {
            let taken = self.membership.acquire(self.me, &plan.take).await?;
            self.start(taken).await;
        }
        self.start_forgotten(&state).await;
        let here: Vec<ShardId> = plan
            .hand_over
            .iter()
            .map(|(shard, _)| *shard)
            .filter(|shard| self.running.contains_key(shard))
            .collect();
        if plan.hand_over.is_empty() && self.moving.is_empty() {
            self.hurried = false;
        }
        for step in here.chunks(STEP_MAX) {
            self.hand_over(step.to_vec());
        }
        let nobody_else = self.owning.0.iter().all(|node| *node == self.me);
        if self.is_draining && (self.running.is_empty() || nobody_else) && self.moving.is_empty() {
            for done in self.draining.drain(..) {
                let _ = done.send(());
            }
        }
        Ok(())
    }

    /// Shards that are ours by the table but do not run: the answer to the call that took them was lost.
    async fn start_forgotten(&mut self, state: &ClusterState) {
        let forgotten: Vec<ShardLease> = state
            .shards
            .iter()
            .filter(|owned| owned.owner == Some(self.me))
            .filter(|owned| !self.running.contains_key(&owned.shard))
            .map(|owned| ShardLease {
                shard: owned.shard,
                owner: self.me,
                epoch: owned.epoch,
            })
            .filter(|lease| self.router.map().owner(lease.shard).1 <= lease.epoch)
            .collect();
        if !forgotten.is_empty() {
            self.start(forgotten).await;
        }
    }

    async fn start(&mut self, leases: Vec<ShardLease>) {
        if leases.is_empty() {
            return;
        }
        info!(shards = leases.len(), "shards are taken");
        if let Err(failure) = self.shards.start(&leases).await {
            // They are ours by the table: the next look starts them again.
            return error!(%failure, shards = leases.len(), "shards did not start");
        }
        self.router.map().record(&leases);
        let news: Vec<Heard> = leases
            .iter()
            .map(|lease| (lease.shard, Some(self.me), lease.epoch))
            .collect();
        for lease in leases {
            self.running.insert(lease.shard, lease);
        }
        self.peers.tell(&news);
    }

    fn show(&self) {
        self.status.send_replace(MemberStatus {
            me: Some(self.me),
            state: self.state.clone(),
            looked: self.looked,
            running: self.running.len(),
            moving: self.moving.iter().copied().collect(),
            peers: self.peers.status(),
            lease: self.lease.remaining(),
            draining: self.is_draining,
        });
    }
}
