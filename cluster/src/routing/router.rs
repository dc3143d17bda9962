//! The router: from a shard to its owner, wherever that is. Callers never know where an entity lives.
//!
//! What meets a shard on the move waits for it, up to its deadline. A request is given a second time only where it is
//! known not to have been begun, or where giving it twice does no harm.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, Epoch, Failure, NodeId, ShardId, Slot};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use crate::protocol::codec::Unreadable;
use crate::protocol::frame::{Reply, WireFailure};
use crate::routing::admission;
use crate::routing::shard_map::{ShardLocation, ShardMap};
use crate::transport::connection::AskError;
use crate::transport::peers::Remote;

/// Asks that wait for a shard on the move at most; one more is refused as overload. As many requests of clients stand aside
/// as are worked on, 128 by default, and each asks some times: so many wait only when everything moves.
const WAITING_MAX: usize = 4_096;
/// Between two tries of a request that was told to try elsewhere, when nothing new is heard.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why a host has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError<R> {
    /// The shard does not run here, or not any more. The request was not begun, and is given back.
    NotHere(R),
    /// Anything else.
    Failed(Failure),
}

/// What runs the shards that a node owns.
pub trait ShardHost: Send + Sync + 'static {
    /// What a shard can be asked.
    type Request: Clone + Send + Sync;
    /// What it answers.
    type Reply: Send + Sync;

    /// Asks one of this node's shards. Returns by the deadline.
    fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Reply, HostError<Self::Request>>> + Send;

    /// Whether a request may be given again where nobody knows whether it was done.
    fn is_idempotent(request: &Self::Request) -> bool;

    /// A request on its way to another node, without its deadline.
    fn encode_request(request: &Self::Request) -> Vec<u8>;

    /// The same, arrived.
    ///
    /// # Errors
    /// [`Unreadable`], when a newer node wrote it.
    fn decode_request(bytes: &[u8], deadline: Deadline) -> Result<Self::Request, Unreadable>;

    /// A reply on its way back.
    fn encode_reply(reply: &Self::Reply) -> Vec<u8>;

    /// The same, arrived.
    ///
    /// # Errors
    /// [`Unreadable`], when a newer node wrote it.
    fn decode_reply(bytes: &[u8]) -> Result<Self::Reply, Unreadable>;
}

/// A router on one node.
pub struct Router<H> {
    map: Arc<ShardMap>,
    local: Arc<H>,
    /// The way to other nodes, while this one is among them.
    remote: RwLock<Option<Arc<dyn Remote>>>,
    waiting: Semaphore,
    /// Whether shards that are not here may be elsewhere.
    has_others: AtomicBool,
}

/// What one try has come to.
enum Tried<H: ShardHost> {
    Answered(Result<H::Reply, Failure>),
    /// It was not begun; try again once something has changed.
    Again(H::Request),
    /// It may have been done; try again if that does no harm.
    Lost(H::Request),
}

impl<H: ShardHost> Router<H> {
    /// A router to the shards that `local` runs, and to no others yet.
    pub fn new(map: Arc<ShardMap>, local: Arc<H>) -> Self {
        Self {
            map,
            local,
            remote: RwLock::new(None),
            waiting: Semaphore::new(WAITING_MAX),
            has_others: AtomicBool::new(false),
        }
    }

    /// What runs this node's own shards.
    pub const fn local(&self) -> &Arc<H> {
        &self.local
    }

    /// Where the shards are.
    pub const fn map(&self) -> &Arc<ShardMap> {
        &self.map
    }

    /// From now on a request to a shard that is not here waits for a way to it, also between two lives of this node.
    pub fn expect_others(&self) {
        self.has_others.store(true, Ordering::Relaxed);
    }

    fn has_others(&self) -> bool {
        self.has_others.load(Ordering::Relaxed)
    }

    /// From now on other nodes are reached by `remote`, or not at all.
    pub fn set_remote(&self, remote: Option<Arc<dyn Remote>>) {
        *self.remote.write().expect("no writer panics") = remote;
        self.map.touch();
    }

    /// The shard of a routing key.
    pub fn shard_of(&self, slot: Slot) -> ShardId {
        self.map.shard_of(slot)
    }

    /// Asks the owner of `shard`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the shard had no owner within reach until the deadline: nothing was done;
    /// [`Failure::OutcomeUnknown`] when a connection was lost on the way back; otherwise what the owner answers.
    pub async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Result<H::Reply, Failure> {
        // The usual case, without any more.
        let request = match self.map.place(shard) {
            ShardLocation::Local => match self.ask_here(shard, deadline, request).await {
                Ok(reply) => return Ok(reply),
                Err(HostError::Failed(failure)) => return Err(failure),
                Err(HostError::NotHere(request)) => request,
            },
            ShardLocation::Remote(_) | ShardLocation::Unassigned => request,
        };
        self.ask_until(shard, deadline, request).await
    }

    async fn ask_until(
        &self,
        shard: ShardId,
        deadline: Deadline,
        mut request: H::Request,
    ) -> Result<H::Reply, Failure> {
        let mut changes = self.map.watch();
        let mut waiting = None;
        let mut lost = false;
        loop {
            changes.mark_unchanged();
            request = match self.try_once(shard, deadline, request).await {
                Tried::Answered(answer) if lost => return answer.map_err(not_certain),
                Tried::Answered(answer) => return answer,
                Tried::Again(request) => request,
                Tried::Lost(request) if H::is_idempotent(&request) => {
                    lost = true;
                    request
                }
                Tried::Lost(_) => return Err(lost_on_the_way()),
            };
            if !self.has_others() && !lost {
                // Nobody is there who could take it.
                let reason = format!("shard {shard} is not running here");
                return Err(Failure::Unavailable(reason));
            }
            if waiting.is_none() {
                match (self.waiting.try_acquire(), admission::stand()) {
                    (Ok(place), Ok(())) => waiting = Some(place),
                    _ if lost => return Err(lost_on_the_way()),
                    _ => return Err(Failure::Overloaded),
                }
            }
            if !wait(&mut changes, deadline).await {
                return Err(if lost {
                    lost_on_the_way()
                } else {
                    let reason = format!("shard {shard} has no owner within reach");
                    Failure::Unavailable(reason)
                });
            }
        }
    }

    async fn try_once(&self, shard: ShardId, deadline: Deadline, request: H::Request) -> Tried<H> {
        match self.map.place(shard) {
            ShardLocation::Local => match self.ask_here(shard, deadline, request).await {
                Ok(reply) => Tried::Answered(Ok(reply)),
                Err(HostError::Failed(failure)) => Tried::Answered(Err(failure)),
                Err(HostError::NotHere(request)) => Tried::Again(request),
            },
            ShardLocation::Remote(owner) => self.ask_remote(owner, shard, deadline, request).await,
            ShardLocation::Unassigned => Tried::Again(request),
        }
    }

    /// Asks a shard of this node. What was not written because another node has taken the shard is given back, like what
    /// was not begun: its owner will be asked, once this node has heard of it.
    async fn ask_here(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Result<H::Reply, HostError<H::Request>> {
        let spare = self.has_others().then(|| request.clone());
        match (self.local.ask(shard, deadline, request).await, spare) {
            (Err(HostError::Failed(Failure::NotOwner)), Some(spare)) => {
                Err(HostError::NotHere(spare))
            }
            (answer, _) => answer,
        }
    }

    async fn ask_remote(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Tried<H> {
        let remote = self.remote.read().expect("no writer panics").clone();
        let Some(remote) = remote else {
            return Tried::Again(request);
        };
        let body = H::encode_request(&request);
        let unreadable = |what: String| Failure::Unavailable(format!("the nodes differ: {what}"));
        match remote.ask(owner, shard, deadline, body).await {
            Ok(Reply::Reply(bytes)) => {
                let reply = H::decode_reply(&bytes);
                // What was done was done.
                let lost = |Unreadable(what)| Failure::OutcomeUnknown(format!("its answer {what}"));
                Tried::Answered(reply.map_err(lost))
            }
            Ok(Reply::NotMine(news)) => {
                let me = remote.me();
                if let Some(news) = news {
                    self.map
                        .learn(me, [(shard, news.owner(), Epoch(news.epoch))]);
                }
                Tried::Again(request)
            }
            Ok(Reply::Unreadable(what)) => Tried::Answered(Err(unreadable(what))),
            // It was deposed before it could write.
            Ok(Reply::Failed(WireFailure::NotOwner)) => Tried::Again(request),
            Ok(Reply::Failed(failure)) => Tried::Answered(Err(failure.into())),
            Err(AskError::NotSent) => Tried::Again(request),
            Err(AskError::Lost) => Tried::Lost(request),
            Err(AskError::Overloaded) => Tried::Answered(Err(Failure::Overloaded)),
            Err(AskError::Late) => Tried::Answered(Err(Failure::DeadlineExceeded)),
        }
    }
}

fn lost_on_the_way() -> Failure {
    Failure::OutcomeUnknown("the connection to the node that worked on it was lost".into())
}

/// What a second try says of itself is not true of both: the first may have been done.
fn not_certain(failure: Failure) -> Failure {
    match failure {
        Failure::Unavailable(_) | Failure::NotOwner | Failure::Overloaded => lost_on_the_way(),
        other => other,
    }
}

/// Waits until something has changed, or for a while; `false` once the deadline has passed.
async fn wait(changes: &mut watch::Receiver<u64>, deadline: Deadline) -> bool {
    let until = deadline.moment().min(Instant::now() + LOOK_AGAIN);
    // Errors mean that time has passed, or that the map is gone with its node.
    let _ = timeout_at(until.into(), changes.changed()).await;
    !deadline.has_passed(Instant::now())
}

#[cfg(test)]
mod tests;
