//! The running shards of this node, behind the router. Shards start and stop while the node runs.

use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::codec::Unreadable;
use fritzy_cluster::{HostError, ShardHost};
use fritzy_types::{Deadline, Failure, ShardId, ShardLease};
use prometheus_client::registry::Registry;
use ractor::{Actor, ActorRef, ActorStatus, SpawnErr};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

use crate::clock::is_late;
use crate::messages::{ReplyTo, ShardMessage, ShardReply, ShardRequest};
use crate::shard_watch::ShardWatch;
use crate::shell::context::NodeContext;
use crate::shell::root::{
    RootActor, RootMessage, RootState, RunningShard, RunningShards, spawn_shard,
};
use crate::wire;

/// How long stopping shards may take to finish their requests: longer than a restart of the
/// database. Shards left then are killed; their appends in flight are refused once the next owner
/// has claimed the shard.
const STOP_MAX: Duration = Duration::from_secs(10);
/// The same for shards that another node owns: long enough for the database to refuse the appends
/// in flight, so that their requests can be sent to that node. Delays the restart of a fenced node
/// by at most this.
const ABANDON_MAX: Duration = Duration::from_secs(1);
/// How long killed actors may take to stop: each dies at its next await.
const KILL_MAX: Duration = Duration::from_secs(1);

/// A handle to the running shards of this node.
pub struct LocalShards {
    node: Arc<NodeContext>,
    running: RunningShards,
    /// Permits for requests on this node: a mailbox has no bound of its own. Acquired before a
    /// request enters a mailbox, and released with its reply.
    permits: Arc<Semaphore>,
    root: ActorRef<RootMessage>,
    watch: ShardWatch,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl LocalShards {
    /// Starts without any shard.
    pub(crate) async fn start(
        node: NodeContext,
        requests_max: usize,
        tick_every: Duration,
    ) -> Result<Self, SpawnErr> {
        let node = Arc::new(node);
        let running = RunningShards::default();
        let state = RootState {
            node: node.clone(),
            running: running.clone(),
        };
        let (root, _) = Actor::spawn(None, RootActor, state).await?;
        let permits = Arc::new(Semaphore::new(requests_max));
        let ticker = tokio::spawn(tick(running.clone(), tick_every));
        let watch = ShardWatch::default();
        let watching = tokio::spawn(watch.clone().watch(running.clone()));
        Ok(Self {
            node,
            running,
            permits,
            root,
            watch,
            _tasks: [ticker, watching].map(AbortOnDropHandle::new),
        })
    }

    /// Starts these shards. A shard that runs under the same lease already is left as it is; one
    /// that runs under another lease is stopped first.
    ///
    /// # Errors
    /// [`Failure::Internal`] when this node is stopping; some shards may have been started.
    pub(crate) async fn start_shards(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        let outdated: Vec<ShardId> = leases
            .iter()
            .filter(|lease| {
                self.lease_of(lease.shard)
                    .is_some_and(|running| running != **lease)
            })
            .map(|lease| lease.shard)
            .collect();
        if !outdated.is_empty() {
            self.stop_shards(&outdated).await;
        }
        for &lease in leases {
            if self.lease_of(lease.shard).is_some() {
                continue;
            }
            let started = spawn_shard(&self.root, &self.node, lease, false).await;
            let started = started.map_err(|failure| {
                error!(shard = %lease.shard, %failure, "a shard did not start");
                Failure::Internal
            })?;
            self.running
                .write()
                .expect("no writer panics")
                .insert(lease.shard, started);
        }
        Ok(())
    }

    /// Stops these shards gracefully. They accept no request from now on. When this returns, all
    /// accepted requests are done and answered, and all their appends were written or refused.
    /// Shards left after [`STOP_MAX`] are killed.
    pub(crate) async fn stop_shards(&self, shards: &[ShardId]) {
        let stopping: Vec<RunningShard> = {
            let mut running = self.running.write().expect("no writer panics");
            shards
                .iter()
                .filter_map(|shard| running.remove(shard))
                .collect()
        };
        finish_or_kill(&self.node, &stopping, STOP_MAX).await;
    }

    /// Ends all shards because another node owns them and the lease has ended. Accepted writes are
    /// refused by the fence, accepted reads for lack of the lease. Shards left after
    /// [`ABANDON_MAX`] are killed; creations in flight then still get the journal's outcome.
    pub(crate) async fn abandon(&self) {
        let abandoned = std::mem::take(&mut *self.running.write().expect("no writer panics"));
        let abandoned: Vec<RunningShard> = abandoned.into_values().collect();
        if abandoned.is_empty() {
            return;
        }
        finish_or_kill(&self.node, &abandoned, ABANDON_MAX).await;
    }

    /// Adds the counts of shards that do not respond.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.watch.register(registry);
    }

    /// The number of running shards.
    pub(crate) fn len(&self) -> usize {
        self.running.read().expect("no writer panics").len()
    }

    /// Stops every actor. Pending replies are lost.
    pub(crate) async fn stop(&self) {
        // An error means that the root has stopped already.
        let _ = self.root.stop_and_wait(None, None).await;
    }

    fn lease_of(&self, shard: ShardId) -> Option<ShardLease> {
        let running = self.running.read().expect("no writer panics");
        running.get(&shard).map(|shard| shard.lease)
    }

    /// Puts a request into the mailbox of its shard, and returns the lease it will be executed
    /// under. Holds the map's lock meanwhile: a stopping shard is removed from the map before it is
    /// sent its stop, so that each request either precedes the stop in the mailbox or is returned
    /// from here.
    #[expect(
        clippy::result_large_err,
        reason = "a request that is not accepted is returned whole"
    )]
    fn enqueue(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: ShardRequest,
        sender: oneshot::Sender<Result<ShardReply, Failure>>,
    ) -> Result<ShardLease, HostError<ShardRequest>> {
        let running = self.running.read().expect("no writer panics");
        let Some(RunningShard {
            lease,
            actor,
            pulse,
        }) = running.get(&shard)
        else {
            return Err(HostError::NotHere(request));
        };
        self.watch.check(shard, pulse).map_err(HostError::Failed)?;
        let permit = self
            .permits
            .clone()
            .try_acquire_owned()
            .map_err(|_| HostError::Failed(Failure::Overloaded))?;
        let reply = ReplyTo::new(sender, permit);
        let ask = ShardMessage::Ask {
            request,
            deadline,
            reply,
        };
        actor.send_message(ask).map_err(|_| {
            HostError::Failed(Failure::Unavailable(format!("shard {shard} is stopping")))
        })?;
        Ok(*lease)
    }

    /// The failure of a request whose actor ended without a reply.
    fn lost_reply(&self, lease: ShardLease, writes: bool) -> Failure {
        let (shard, why) = (lease.shard, "this node has released the shard");
        match (self.lease_of(shard) == Some(lease), writes) {
            (true, _) => {
                error!(%shard, "an actor died before it replied");
                Failure::Internal
            }
            (false, true) => Failure::OutcomeUnknown(why.into()),
            (false, false) => Failure::Unavailable(why.into()),
        }
    }
}

/// Stops shards that were removed from the map after their accepted requests, and kills those left
/// after `within`.
async fn finish_or_kill(node: &NodeContext, shards: &[RunningShard], within: Duration) {
    // The stop follows every request that found its shard in the map. A shard that has just died
    // has nothing left to do.
    for shard in shards {
        drop(shard.actor.send_message(ShardMessage::Stop));
    }
    let finished = async {
        for shard in shards {
            // Without a time limit, waiting cannot fail.
            let _ = shard.actor.wait(None).await;
        }
        // Dead actors may have left appends in the queue.
        node.journal.barrier().await;
    };
    if timeout(within, finished).await.is_ok() {
        return;
    }
    let is_left = |shard: &&RunningShard| shard.actor.get_status() != ActorStatus::Stopped;
    let left = shards.iter().filter(is_left).count();
    warn!(
        shards = left,
        "shards have not finished in time; killing them"
    );
    for shard in shards {
        shard.actor.kill();
    }
    for shard in shards {
        if shard.actor.wait(Some(KILL_MAX)).await.is_err() {
            error!(shard = %shard.lease.shard, "a killed shard has not stopped");
        }
    }
}

/// Sends every shard a tick at intervals.
async fn tick(running: RunningShards, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        for shard in running.read().expect("no writer panics").values() {
            // A shard that is being restarted has nothing to passivate.
            drop(shard.actor.send_message(ShardMessage::Tick));
        }
    }
}

impl ShardHost for LocalShards {
    type Request = ShardRequest;
    type Reply = ShardReply;

    async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: ShardRequest,
    ) -> Result<ShardReply, HostError<ShardRequest>> {
        let (sender, receiver) = oneshot::channel();
        let writes = request.writes();
        let lease = self.enqueue(shard, deadline, request, sender)?;
        let received = timeout_at(Instant::from_std(deadline.instant()), receiver).await;
        let reply = match received {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) if is_late(deadline) => Err(Failure::DeadlineExceeded),
            Ok(Err(_)) => Err(self.lost_reply(lease, writes)),
            Err(_) => Err(Failure::DeadlineExceeded),
        };
        reply.map_err(HostError::Failed)
    }

    fn is_idempotent(request: &ShardRequest) -> bool {
        wire::is_idempotent(request)
    }

    fn required_wire(request: &ShardRequest) -> u16 {
        wire::required_wire(request)
    }

    fn encode_request(request: &ShardRequest, wire: u16) -> Vec<u8> {
        wire::encode_request(request, wire)
    }

    fn decode_request(
        bytes: &[u8],
        deadline: Deadline,
        wire: u16,
    ) -> Result<ShardRequest, Unreadable> {
        wire::decode_request(bytes, deadline, wire)
    }

    fn encode_reply(reply: &ShardReply, wire: u16) -> Vec<u8> {
        wire::encode_reply(reply, wire)
    }

    fn decode_reply(bytes: &[u8], wire: u16) -> Result<ShardReply, Unreadable> {
        wire::decode_reply(bytes, wire)
    }
}

#[cfg(test)]
mod tests;
