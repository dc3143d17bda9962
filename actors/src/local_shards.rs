//! The shards this node runs, behind the router.

use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::codec::{Unreadable, from_bytes, to_bytes};
use fritzy_cluster::{Failure, Refused, ShardHost};
use fritzy_domain::{Deadline, ShardId};
use ractor::{Actor, ActorRef, SpawnErr};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout_at};
use tracing::error;

use crate::entity_actor::ShardContext;
use crate::messages::{ReplyTo, ShardMessage, ShardReply, ShardRequest};
use crate::root::{RootActor, RootArguments, RootMessage, RunningShards};
use crate::wire;

/// A handle to the running shards of this node.
pub(crate) struct LocalShards {
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
    /// Starts one supervisor for each shard.
    pub(crate) async fn start(
        shards: Vec<ShardContext>,
        requests_max: usize,
        tick_every: Duration,
    ) -> Result<Self, SpawnErr> {
        let running = RunningShards::default();
        let arguments = RootArguments {
            shards,
            running: running.clone(),
        };
        let (root, _) = Actor::spawn(None, RootActor, arguments).await?;
        let places = Arc::new(Semaphore::new(requests_max));
        let ticking = tokio::spawn(tick(running.clone(), tick_every)).abort_handle();
        Ok(Self {
            running,
            places,
            root,
            ticking,
        })
    }

    /// Stops every actor. Answers that are still awaited are lost.
    pub(crate) async fn stop(&self) {
        // An error means that it has stopped already.
        let _ = self.root.stop_and_wait(None, None).await;
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
            drop(shard.send_message(ShardMessage::Tick));
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
    ) -> Result<ShardReply, Refused<ShardRequest>> {
        let actor = self
            .running
            .read()
            .expect("no writer panics")
            .get(&shard)
            .cloned();
        let Some(actor) = actor else {
            return Err(Refused::NotHere(request));
        };
        let place = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refused::Failed(Failure::Overloaded))?;
        let (answer, answered) = oneshot::channel();
        let reply = ReplyTo::new(answer, place);
        actor
            .send_message(ShardMessage::Ask {
                request,
                deadline,
                reply,
            })
            .map_err(|_| {
                Refused::Failed(Failure::Unavailable(format!("shard {shard} is stopping")))
            })?;
        let answered = timeout_at(Instant::from_std(deadline.moment()), answered).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) if crate::entity_actor::is_late(deadline) => Err(Failure::DeadlineExceeded),
            Ok(Err(_)) => {
                error!(%shard, "an actor died before it answered");
                Err(Failure::Internal)
            }
            Err(_) => Err(Failure::DeadlineExceeded),
        };
        answer.map_err(Refused::Failed)
    }

    fn may_repeat(request: &ShardRequest) -> bool {
        wire::may_repeat(request)
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
