//! The shards that run on this node, from their start to the end of their hand-off. A shard is
//! handed off to the node that it is assigned to, or, when this node leaves, to any node that
//! acquires it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fritzy_types::{Epoch, Membership, NodeId, ShardId, ShardLease};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::membership::context::MemberContext;
use crate::membership::heartbeat::MembershipState;
use crate::membership::shard_lifecycle::ShardLifecycle;
use crate::routing::host::ShardHost;
use crate::routing::router::Router;
use crate::transport::peers::Peers;
use crate::transport::shared::OwnershipRecord;

/// Shards being handed off from one node at most: requests to them wait meanwhile, for some
/// milliseconds.
pub(crate) const MOVING_MAX: usize = 64;
/// Shards in one step of a hand-off: a step takes as long as the longest command in flight.
const STEP_MAX: usize = 16;
/// Between two attempts to release shards while the shard table is unavailable.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The running shards of one incarnation, and their hand-offs.
pub(crate) struct Handoffs<H> {
    me: NodeId,
    /// The running shards, with their leases. A shard that is being handed off is among them until
    /// that is done.
    running: HashMap<ShardId, ShardLease>,
    /// The shards that are being handed off.
    moving: HashSet<ShardId>,
    /// Steps of hand-offs that are done.
    moved: (mpsc::Sender<Vec<ShardId>>, mpsc::Receiver<Vec<ShardId>>),
    membership: Arc<dyn Membership>,
    shards: Arc<dyn ShardLifecycle>,
    router: Arc<Router<H>>,
    peers: Arc<Peers<H>>,
    state: watch::Receiver<MembershipState>,
}

impl<H: ShardHost> Handoffs<H> {
    pub(crate) fn new(
        context: &MemberContext<H>,
        me: NodeId,
        peers: Arc<Peers<H>>,
        state: watch::Receiver<MembershipState>,
    ) -> Self {
        Self {
            me,
            running: HashMap::new(),
            moving: HashSet::new(),
            moved: mpsc::channel(MOVING_MAX),
            membership: context.membership.clone(),
            shards: context.shards.clone(),
            router: context.router.clone(),
            peers,
            state,
        }
    }

    pub(crate) fn is_running(&self, shard: ShardId) -> bool {
        self.running.contains_key(&shard)
    }

    /// How many shards run here, those being handed off included.
    pub(crate) fn running_len(&self) -> usize {
        self.running.len()
    }

    /// The shards that are being handed off.
    pub(crate) fn moving(&self) -> Vec<ShardId> {
        self.moving.iter().copied().collect()
    }

    pub(crate) fn is_moving(&self) -> bool {
        !self.moving.is_empty()
    }

    /// Starts shards under new leases, and announces them to all peers.
    pub(crate) async fn start(&mut self, leases: Vec<ShardLease>) {
        if leases.is_empty() {
            return;
        }
        info!(shards = leases.len(), "shards acquired");
        if let Err(failure) = self.shards.start(&leases).await {
            // By the table they are ours: the next reconciliation starts them again.
            return error!(%failure, shards = leases.len(), "shards did not start");
        }
        self.router.map().record(&leases);
        let updates: Vec<OwnershipRecord> = leases
            .iter()
            .map(|lease| (lease.shard, Some(self.me), lease.epoch))
            .collect();
        for lease in leases {
            self.running.insert(lease.shard, lease);
        }
        self.peers.broadcast(&updates);
    }

    /// Starts the hand-off of running shards, in steps that proceed by themselves.
    pub(crate) fn hand_off(&mut self, shards: &[ShardId]) {
        for step in shards.chunks(STEP_MAX) {
            self.hand_off_step(step.to_vec());
        }
    }

    /// Hands shards off in a task of its own, because requests in flight may take a while to
    /// finish.
    fn hand_off_step(&mut self, shards: Vec<ShardId>) {
        self.moving.extend(&shards);
        let (me, membership, lifecycle) = (self.me, self.membership.clone(), self.shards.clone());
        let (router, peers) = (self.router.clone(), self.peers.clone());
        let (moved, mut state) = (self.moved.0.clone(), self.state.clone());
        let epochs: Vec<Epoch> = shards
            .iter()
            .map(|shard| self.running[shard].epoch)
            .collect();
        tokio::spawn(async move {
            router.map().forget(&shards);
            lifecycle.stop(&shards).await;
            while let Err(failure) = membership.release(me, &shards).await {
                warn!(%failure, "shards cannot be released; retrying");
                sleep(RETRY_DELAY).await;
                if *state.borrow_and_update() == MembershipState::Fenced {
                    return;
                }
            }
            let updates = shards.iter().zip(epochs);
            let updates: Vec<OwnershipRecord> = updates
                .map(|(shard, epoch)| (*shard, None, epoch))
                .collect();
            peers.broadcast(&updates);
            // An error means that this incarnation has ended.
            let _ = moved.send(shards).await;
        });
    }

    /// Waits for a step to end, and notes that its shards do not run here any more. Safe to cancel.
    pub(crate) async fn finish_step(&mut self) {
        let moved = self.moved.1.recv().await;
        for shard in moved.expect("one sender is kept here") {
            self.moving.remove(&shard);
            self.running.remove(&shard);
        }
    }

    /// Hands off all shards. `false` when the node was fenced meanwhile: then none of them is left
    /// to release.
    pub(crate) async fn hand_off_all(&mut self) -> bool {
        let rest: Vec<ShardId> = self
            .running
            .keys()
            .filter(|shard| !self.moving.contains(shard))
            .copied()
            .collect();
        self.hand_off(&rest);
        let mut state = self.state.clone();
        while self.is_moving() {
            tokio::select! {
                () = self.finish_step() => {}
                _ = state.wait_for(|state| *state == MembershipState::Fenced) => return false,
            }
        }
        true
    }
}
