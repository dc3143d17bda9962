//! The reconciliation loop of a member. Each second it reads the tables of nodes and shards, fences
//! dead nodes, acquires the shards assigned to this node, and hands off those assigned to others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{
    ClusterSnapshot, ClusterState, Membership, NodeId, NodeRecord, ShardId, ShardLease,
    StorageError,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::membership::command::MemberCommand;
use crate::membership::context::MemberContext;
use crate::membership::failure_detector::{FailureDetector, watched};
use crate::membership::handoff::{Handoffs, MOVING_MAX};
use crate::membership::heartbeat::MembershipState;
use crate::membership::lease::{LocalLease, TTL};
use crate::membership::silence::Silence;
use crate::membership::status::MemberStatus;
use crate::placement::rebalance::{Planner, STABLE_FOR, View};
use crate::routing::host::ShardHost;
use crate::routing::router::Router;
use crate::transport::peers::Peers;
use crate::transport::shared::{OwnershipRecord, PeerNotice};

/// Between two reads of the tables: a little less than half of what the failure detector counts as
/// a gap, so that one lost read is no gap.
const POLL_INTERVAL: Duration = Duration::from_millis(900);

/// Why an incarnation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitReason {
    /// The node has left.
    Left,
    /// The node was fenced.
    Fenced,
}

/// One incarnation of a member.
pub(crate) struct MembershipCoordinator<H> {
    me: NodeId,
    membership: Arc<dyn Membership>,
    router: Arc<Router<H>>,
    lease: LocalLease,
    status: watch::Sender<MemberStatus>,
    peers: Arc<Peers<H>>,
    notices: mpsc::Receiver<PeerNotice>,
    membership_state: watch::Receiver<MembershipState>,
    failure_detector: FailureDetector,
    silence: Silence,
    planner: Planner,
    handoffs: Handoffs<H>,
    /// The version of the tables that `state` was read at.
    known_version: Option<u64>,
    state: Arc<ClusterState>,
    polled_at: Option<Instant>,
    /// The nodes that may own shards, and since when they have been the same.
    owning: (Vec<NodeId>, Instant),
    /// Callers that wait until everything is handed off.
    drain_waiters: Vec<oneshot::Sender<()>>,
    /// Whether this node must still be marked as draining in the node table.
    drain_requested: bool,
    /// Whether this node drains by the node table.
    is_draining: bool,
    /// Whether to move shards at once.
    rebalance_requested: bool,
}

impl<H: ShardHost> MembershipCoordinator<H> {
    pub(crate) fn new(
        context: &MemberContext<H>,
        me: NodeId,
        peers: Arc<Peers<H>>,
        notices: mpsc::Receiver<PeerNotice>,
        membership_state: watch::Receiver<MembershipState>,
    ) -> Self {
        Self {
            me,
            membership: context.membership.clone(),
            router: context.router.clone(),
            lease: context.lease.clone(),
            status: context.status.clone(),
            handoffs: Handoffs::new(context, me, peers.clone(), membership_state.clone()),
            peers,
            notices,
            membership_state,
            failure_detector: FailureDetector::new(me, TTL),
            silence: Silence::default(),
            planner: Planner::new(me, context.router.map().count(), MOVING_MAX),
            known_version: None,
            state: Arc::default(),
            polled_at: None,
            owning: (Vec::new(), Instant::now()),
            drain_waiters: Vec::new(),
            drain_requested: false,
            is_draining: false,
            rebalance_requested: false,
        }
    }

    /// Reconciles until the node leaves or is fenced.
    pub(crate) async fn run(&mut self, commands: &mut mpsc::Receiver<MemberCommand>) -> ExitReason {
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if *self.membership_state.borrow() == MembershipState::Fenced {
                return ExitReason::Fenced;
            }
            tokio::select! {
                changed = self.membership_state.changed() => match changed {
                    Ok(()) => continue,
                    // The heartbeat thread has died, so the lease will expire.
                    Err(_) => return ExitReason::Fenced,
                },
                _ = poll.tick() => {}
                Some(notice) = self.notices.recv() => {
                    if !self.handle_notice(notice) {
                        continue;
                    }
                }
                () = self.handoffs.finish_step() => {}
                command = commands.recv() => match command {
                    Some(MemberCommand::Leave(reply)) => {
                        self.leave().await;
                        let _ = reply.send(());
                        return ExitReason::Left;
                    }
                    Some(MemberCommand::Drain(reply)) => {
                        self.drain_waiters.push(reply);
                        self.drain_requested = true;
                    }
                    Some(MemberCommand::Rebalance(reply)) => {
                        self.rebalance_requested = true;
                        let _ = reply.send(1 + self.peers.broadcast_rebalance());
                    }
                    None => {
                        self.leave().await;
                        return ExitReason::Left;
                    }
                },
            }
            if let Err(failure) = self.reconcile().await {
                warn!(%failure, "the tables of nodes and shards are unavailable; running shards continue");
            }
            self.publish_status();
        }
    }

    /// Closes the connections, and releases callers that still wait.
    pub(crate) async fn close(self) {
        self.peers.stop().await;
        for waiter in self.drain_waiters {
            let _ = waiter.send(());
        }
    }

    /// Notes what a peer has sent. Returns whether it is a reason to reconcile now.
    fn handle_notice(&mut self, notice: PeerNotice) -> bool {
        match notice {
            PeerNotice::Rebalance => {
                info!("rebalancing at the request of another node");
                self.rebalance_requested = true;
                true
            }
            PeerNotice::UnknownNode | PeerNotice::Connected => true,
            PeerNotice::OwnershipChanged(records) => {
                self.router.map().apply(self.me, records.iter().copied());
                // Released shards may be assigned to this node.
                records.iter().any(|(_, owner, _)| owner.is_none())
            }
        }
    }

    /// Hands off all shards, closes the connections in order, and removes this node from the node
    /// table.
    async fn leave(&mut self) {
        if !self.handoffs.hand_off_all().await {
            return;
        }
        // Before the node is removed from the table: peers drop connections of nodes that are not
        // in it.
        self.peers.close_gracefully().await;
        if let Err(failure) = self.membership.leave(self.me).await {
            warn!(%failure, "this node stays in the node table until others declare it dead");
        }
    }

    /// Reads the tables, and does what follows from them.
    async fn reconcile(&mut self) -> Result<(), StorageError> {
        if self.drain_requested {
            self.membership.set_draining(self.me, true).await?;
            self.drain_requested = false;
        }
        let unfenced: Vec<NodeId> = self
            .state
            .nodes
            .iter()
            .filter(|record| !record.fenced)
            .map(|record| record.node.id)
            .collect();
        let watched = watched(self.me, &unfenced);
        let ClusterSnapshot {
            version,
            state,
            heartbeats,
        } = self
            .membership
            .read_state(self.known_version, &watched)
            .await?;
        let now = Instant::now();
        self.polled_at = Some(now);
        if let Some(state) = state {
            self.apply_state(state).await;
            self.known_version = Some(version);
        }
        self.fence_dead_nodes(now, &heartbeats).await?;
        self.observe_silence(now);
        self.move_shards().await
    }

    /// Notes which live nodes have no connection with this one.
    fn observe_silence(&mut self, now: Instant) {
        let connected: Vec<NodeId> = self.peers.status().iter().map(|peer| peer.node).collect();
        let is_live = |record: &&NodeRecord| !record.fenced && record.node.id != self.me;
        let live: Vec<&NodeRecord> = self.state.nodes.iter().filter(is_live).collect();
        let is_connected = |node| connected.contains(&node);
        self.silence.observe(now, &live, is_connected);
    }

    /// Notes a change of nodes or owners.
    async fn apply_state(&mut self, state: ClusterState) {
        let live = state.nodes.iter().filter(|record| !record.fenced);
        let newest = live.map(|record| record.node.wire_max);
        // Before the owners: a shard that starts here must be judged by the nodes of this state.
        self.router.map().set_wires(newest);
        self.router.map().apply(self.me, ownership_of(&state));
        let may_own =
            |record: &&NodeRecord| !record.fenced && !record.draining && record.node.roles.entities;
        let owning: Vec<NodeId> = state
            .nodes
            .iter()
            .filter(may_own)
            .map(|record| record.node.id)
            .collect();
        if owning != self.owning.0 {
            debug!(
                nodes = owning.len(),
                "the set of nodes that own shards has changed"
            );
            self.owning = (owning, Instant::now());
        }
        if self.known_version.is_some() {
            log_changes(&self.state.nodes, &state.nodes);
        }
        self.peers.set_nodes(state.nodes.clone()).await;
        let me = state.nodes.iter().find(|record| record.node.id == self.me);
        self.is_draining = me.is_some_and(|record| record.draining);
        self.state = Arc::new(state);
    }

    async fn fence_dead_nodes(
        &mut self,
        now: Instant,
        heartbeats: &[(NodeId, u64)],
    ) -> Result<(), StorageError> {
        let renewed = match *self.membership_state.borrow() {
            MembershipState::Member(renewed) => renewed,
            MembershipState::Fenced => None,
        };
        for (node, heartbeat) in self.failure_detector.observe(now, renewed, heartbeats) {
            if self.membership.fence(node, heartbeat).await? {
                warn!(%node, heartbeat, "a node is declared dead");
                // Its shards can be acquired now, not only after the next poll.
                let snapshot = self.membership.read_state(self.known_version, &[]).await?;
                if let Some(state) = snapshot.state {
                    self.apply_state(state).await;
                    self.known_version = Some(snapshot.version);
                }
            }
        }
        Ok(())
    }

    /// Acquires and hands off shards as the plan says, and ends a drain that is complete.
    async fn move_shards(&mut self) -> Result<(), StorageError> {
        let state = self.state.clone();
        let owners: Vec<Option<NodeId>> = state.shards.iter().map(|owned| owned.owner).collect();
        let plan = self.planner.plan(&View {
            nodes: &state.nodes,
            owners: &owners,
            moving: &self.handoffs.moving(),
            stable: self.rebalance_requested || self.owning.1.elapsed() >= STABLE_FOR,
        });
        if !plan.acquire.is_empty() {
            let acquired = self.membership.acquire(self.me, &plan.acquire).await?;
            self.handoffs.start(acquired).await;
        }
        self.start_owned(&state).await;
        let running: Vec<ShardId> = plan
            .hand_off
            .iter()
            .map(|(shard, _)| *shard)
            .filter(|shard| self.handoffs.is_running(*shard))
            .collect();
        if plan.hand_off.is_empty() && !self.handoffs.is_moving() {
            self.rebalance_requested = false;
        }
        self.handoffs.hand_off(&running);
        let no_other_owner = self.owning.0.iter().all(|node| *node == self.me);
        let is_empty = self.handoffs.running_len() == 0 || no_other_owner;
        if self.is_draining && is_empty && !self.handoffs.is_moving() {
            for waiter in self.drain_waiters.drain(..) {
                let _ = waiter.send(());
            }
        }
        Ok(())
    }

    /// Starts shards that this node owns by the table and that do not run: the response to their
    /// acquisition was lost, or they failed to start.
    async fn start_owned(&mut self, state: &ClusterState) {
        let missing: Vec<ShardLease> = state
            .shards
            .iter()
            .filter(|owned| owned.owner == Some(self.me))
            .filter(|owned| !self.handoffs.is_running(owned.shard))
            .map(|owned| ShardLease {
                shard: owned.shard,
                owner: self.me,
                epoch: owned.epoch,
            })
            .filter(|lease| self.router.map().owner(lease.shard).1 <= lease.epoch)
            .collect();
        self.handoffs.start(missing).await;
    }

    fn publish_status(&self) {
        self.status.send_replace(MemberStatus {
            me: Some(self.me),
            state: self.state.clone(),
            polled_at: self.polled_at,
            running: self.handoffs.running_len(),
            moving: self.handoffs.moving(),
            peers: self.peers.status(),
            silent: self.silence.reported(Instant::now()),
            lease: self.lease.remaining(),
            draining: self.is_draining,
        });
    }
}

/// Logs which nodes joined, left, or were declared dead, each in one line.
fn log_changes(before: &[NodeRecord], now: &[NodeRecord]) {
    let in_list = |list: &[NodeRecord], id: NodeId| {
        let record = list.iter().find(|record| record.node.id == id);
        record.map(|record| record.fenced)
    };
    for NodeRecord { node, .. } in before.iter().filter(|record| !record.fenced) {
        match in_list(now, node.id) {
            Some(false) => {}
            Some(true) => info!(node = node.name, id = %node.id, "a node was declared dead"),
            None => info!(node = node.name, id = %node.id, "a node has left"),
        }
    }
    for NodeRecord { node, .. } in now.iter().filter(|record| !record.fenced) {
        if in_list(before, node.id).is_none() {
            info!(node = node.name, id = %node.id, "a node has joined");
        }
    }
}

/// The owners in a state as the shard map takes them: owners that are fenced or have left count as
/// none.
fn ownership_of(state: &ClusterState) -> impl Iterator<Item = OwnershipRecord> + '_ {
    let fenced: HashMap<NodeId, bool> = state
        .nodes
        .iter()
        .map(|record| (record.node.id, record.fenced))
        .collect();
    state.shards.iter().map(move |owned| {
        let alive = owned
            .owner
            .filter(|owner| fenced.get(owner) == Some(&false));
        (owned.shard, alive, owned.epoch)
    })
}
