//! The shards this node runs, behind the router. They come and go while it runs.

use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::codec::{Unreadable, from_bytes, to_bytes};
use fritzy_cluster::{HostError, ShardHost};
use fritzy_types::{Deadline, Failure, ShardId, ShardLease};
use ractor::{Actor, ActorRef, ActorStatus, SpawnErr};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tracing::{error, warn};

use crate::entity_actor::NodeContext;
use crate::messages::{ReplyTo, ShardMessage, ShardReply, ShardRequest};
use crate::root::{RootActor, RootMessage, RootState, RunningShard, RunningShards, spawn_shard};
use crate::wire;

/// For shards to finish what they have taken: longer than a restart of the database. What is left then is killed; what it
/// had appended is refused once the next owner has the shard.
const STOP_MAX: Duration = Duration::from_secs(10);
/// The same for shards that another node has: long enough for the database to refuse what was appended, so that it can be asked
/// of that node; a node that was fenced begins anew so much later at most.
const ABANDON_MAX: Duration = Duration::from_secs(1);
/// For what was killed to be gone: each dies where it waits next.
const KILL_MAX: Duration = Duration::from_secs(1);

type Answer = Result<ShardReply, Failure>;

/// A handle to the running shards of this node.
pub struct LocalShards {
    node: Arc<NodeContext>,
    running: RunningShards,
    /// Places for requests on this node. Taken before a mailbox, which itself has no bound, and given
    /// back with the answer.
    places: Arc<Semaphore>,
    root: ActorRef<RootMessage>,
    ticking: AbortHandle,
}

impl Drop for LocalShards {
    fn drop(&mut self) {
        self.ticking.abort();
    }
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
        let places = Arc::new(Semaphore::new(requests_max));
        let ticking = tokio::spawn(tick(running.clone(), tick_every)).abort_handle();
        Ok(Self {
            node,
            running,
            places,
            root,
            ticking,
        })
    }

    /// Starts these shards. One that runs under this lease already is left as it is; one that runs under another is
    /// stopped before.
    ///
    /// # Errors
    /// [`Failure::Internal`] when this node is stopping; some may have been started.
    pub(crate) async fn start_shards(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        let of_before: Vec<ShardId> = leases
            .iter()
            .filter(|lease| self.lease_of(lease.shard).is_some_and(|of| of != **lease))
            .map(|lease| lease.shard)
            .collect();
        if !of_before.is_empty() {
            self.stop_shards(&of_before).await;
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

    /// Stops these shards in order: from now on they take no request, and when this returns all that they had taken is
    /// done and answered, and all that they had appended has been written or refused. After [`STOP_MAX`], what is left is
    /// killed.
    pub(crate) async fn stop_shards(&self, shards: &[ShardId]) {
        let stopping: Vec<RunningShard> = {
            let mut running = self.running.write().expect("no writer panics");
            let of_these = shards.iter();
            of_these.filter_map(|shard| running.remove(shard)).collect()
        };
        end(&self.node, &stopping, STOP_MAX).await;
    }

    /// Ends all shards: another node has them, and the lease has ended. What they had taken is refused: changes by the fence,
    /// and reads for want of the lease. After [`ABANDON_MAX`], what is left is killed; creations that the journal has not
    /// answered by then still get its answer.
    pub(crate) async fn abandon(&self) {
        let abandoned = std::mem::take(&mut *self.running.write().expect("no writer panics"));
        let abandoned: Vec<RunningShard> = abandoned.into_values().collect();
        if abandoned.is_empty() {
            return;
        }
        end(&self.node, &abandoned, ABANDON_MAX).await;
    }

    /// How many shards run.
    pub(crate) fn len(&self) -> usize {
        self.running.read().expect("no writer panics").len()
    }

    /// Stops every actor. Answers that are still awaited are lost.
    pub(crate) async fn stop(&self) {
        // An error means that it has stopped already.
        let _ = self.root.stop_and_wait(None, None).await;
    }

    fn lease_of(&self, shard: ShardId) -> Option<ShardLease> {
        let running = self.running.read().expect("no writer panics");
        running.get(&shard).map(|shard| shard.lease)
    }

    /// Puts a request into the mailbox of its shard; answers the lease it will be done under. The map is locked meanwhile:
    /// a shard is taken out of it first, and told to stop afterwards, so that each request is in the mailbox before
    /// that, or comes back from here.
    #[expect(
        clippy::result_large_err,
        reason = "a request that is not taken is given back whole"
    )]
    fn hand_in(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: ShardRequest,
        answer: oneshot::Sender<Answer>,
    ) -> Result<ShardLease, HostError<ShardRequest>> {
        let running = self.running.read().expect("no writer panics");
        let Some(RunningShard { lease, actor }) = running.get(&shard) else {
            return Err(HostError::NotHere(request));
        };
        let place = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| HostError::Failed(Failure::Overloaded))?;
        let reply = ReplyTo::new(answer, place);
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

    /// What is said of a request whose actor ended without an answer.
    fn unanswered(&self, lease: ShardLease, writes: bool) -> Failure {
        let (shard, why) = (lease.shard, "this node has given the shard up");
        match (self.lease_of(shard) == Some(lease), writes) {
            (true, _) => {
                error!(%shard, "an actor died before it answered");
                Failure::Internal
            }
            (false, true) => Failure::OutcomeUnknown(why.into()),
            (false, false) => Failure::Unavailable(why.into()),
        }
    }
}

/// Has shards that are not in the map any more finish what they have taken, and kills what is left after this time.
async fn end(node: &NodeContext, shards: &[RunningShard], within: Duration) {
    // Behind every request that found them in the map. One that has just died has nothing left to do.
    for shard in shards {
        drop(shard.actor.send_message(ShardMessage::Stop));
    }
    let finished = async {
        for shard in shards {
            // Without a limit of its own, it cannot fail.
            let _ = shard.actor.wait(None).await;
        }
        // Actors that died may have left appends in the queue.
        node.journal.barrier().await;
    };
    if timeout(within, finished).await.is_ok() {
        return;
    }
    let is_left = |shard: &&RunningShard| shard.actor.get_status() != ActorStatus::Stopped;
    let left = shards.iter().filter(is_left).count();
    warn!(shards = left, "shards do not finish; killing what is left");
    for shard in shards {
        shard.actor.kill();
    }
    for shard in shards {
        if shard.actor.wait(Some(KILL_MAX)).await.is_err() {
            error!(shard = %shard.lease.shard, "a shard does not die");
        }
    }
}

/// Tells every shard now and then that time has passed.
async fn tick(running: RunningShards, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        for shard in running.read().expect("no writer panics").values() {
            // One that is being started anew has nothing to let go.
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
        let (answer, answered) = oneshot::channel();
        let writes = request.writes();
        let lease = self.hand_in(shard, deadline, request, answer)?;
        let answered = timeout_at(Instant::from_std(deadline.instant()), answered).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) if crate::clock::is_late(deadline) => Err(Failure::DeadlineExceeded),
            Ok(Err(_)) => Err(self.unanswered(lease, writes)),
            Err(_) => Err(Failure::DeadlineExceeded),
        };
        answer.map_err(HostError::Failed)
    }

    fn is_idempotent(request: &ShardRequest) -> bool {
        wire::is_idempotent(request)
    }

    fn encode_request(request: &ShardRequest) -> Vec<u8> {
        to_bytes(request)
    }

    fn decode_request(bytes: &[u8], deadline: Deadline) -> Result<ShardRequest, Unreadable> {
        wire::arrived(bytes, deadline)
    }

    fn encode_reply(reply: &ShardReply) -> Vec<u8> {
        to_bytes(reply)
    }

    fn decode_reply(bytes: &[u8]) -> Result<ShardReply, Unreadable> {
        from_bytes(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests;
