//! The router: from a shard to its owner, on any node. Callers never know where an entity is.
//!
//! A request to a shard that is being handed off waits for it, up to its deadline. A request is
//! repeated only when it is known not to have been started, or when it is idempotent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, Epoch, Failure, NodeId, ShardId, Slot};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use crate::protocol::codec::Unreadable;
use crate::protocol::frame::{Reply, WireFailure};
use crate::routing::admission;
use crate::routing::failure::{after_unknown_outcome, connection_lost};
use crate::routing::host::{HostError, ShardHost};
use crate::routing::remote::{AskError, Remote};
use crate::routing::shard_map::{ShardLocation, ShardMap};

/// Requests that wait for a shard being handed off at most; further ones fail as overload. As many
/// client requests are parked as are active, 128 by default, and each sends some requests: so many
/// wait only when all shards move.
const WAITING_REQUESTS_MAX: usize = 4_096;
/// Between two attempts of a request that was redirected, when no change is noted meanwhile.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The router of one node.
pub struct Router<H> {
    map: Arc<ShardMap>,
    local: Arc<H>,
    /// The transport to other nodes, while this node is a member.
    remote: RwLock<Option<Arc<dyn Remote>>>,
    waiting: Semaphore,
    /// Whether shards that are not here may be on other nodes.
    has_others: AtomicBool,
}

/// The outcome of one attempt.
enum Attempt<H: ShardHost> {
    Done(Result<H::Reply, Failure>),
    /// The request was not started: repeat it once something has changed.
    Retry(H::Request),
    /// The request may have been done: repeat it only if it is idempotent.
    Unknown(H::Request),
}

impl<H: ShardHost> Router<H> {
    /// A router to the shards that `local` runs, and to no others yet.
    pub fn new(map: Arc<ShardMap>, local: Arc<H>) -> Self {
        Self {
            map,
            local,
            remote: RwLock::new(None),
            waiting: Semaphore::new(WAITING_REQUESTS_MAX),
            has_others: AtomicBool::new(false),
        }
    }

    /// The host of this node's own shards.
    pub const fn local(&self) -> &Arc<H> {
        &self.local
    }

    /// Which node runs which shard.
    pub const fn map(&self) -> &Arc<ShardMap> {
        &self.map
    }

    /// From now on a request to a shard that is not here waits until its owner is known, also
    /// between two incarnations of this node.
    pub fn expect_others(&self) {
        self.has_others.store(true, Ordering::Relaxed);
    }

    fn has_others(&self) -> bool {
        self.has_others.load(Ordering::Relaxed)
    }

    /// From now on other nodes are reached by `remote`, or not at all.
    pub fn set_remote(&self, remote: Option<Arc<dyn Remote>>) {
        *self.remote.write().expect("no writer panics") = remote;
        self.map.notify_waiters();
    }

    /// The shard of a routing key.
    pub fn shard_of(&self, slot: Slot) -> ShardId {
        self.map.shard_of(slot)
    }

    /// Sends a request to the owner of `shard`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the shard had no reachable owner until the deadline: nothing
    /// was done. [`Failure::OutcomeUnknown`] when the connection was lost before the reply.
    /// [`Failure::Overloaded`] when too many requests wait. Otherwise the failure that the owner
    /// returns.
    pub async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Result<H::Reply, Failure> {
        // The common case needs none of what follows.
        let request = match self.map.location(shard) {
            ShardLocation::Local if !self.is_ahead_of_nodes(&request) => {
                match self.ask_local(shard, deadline, request).await {
                    Ok(reply) => return Ok(reply),
                    Err(HostError::Failed(failure)) => return Err(failure),
                    Err(HostError::NotHere(request)) => request,
                }
            }
            _ => request,
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
                Attempt::Done(result) if lost => return result.map_err(after_unknown_outcome),
                Attempt::Done(result) => return result,
                Attempt::Retry(request) => request,
                Attempt::Unknown(request) if H::is_idempotent(&request) => {
                    lost = true;
                    request
                }
                Attempt::Unknown(_) => return Err(connection_lost()),
            };
            if !self.has_others() && !lost {
                // No other node could run it.
                let reason = format!("shard {shard} is not running here");
                return Err(Failure::Unavailable(reason));
            }
            if waiting.is_none() {
                match (self.waiting.try_acquire(), admission::park()) {
                    (Ok(permit), Ok(())) => waiting = Some(permit),
                    _ if lost => return Err(connection_lost()),
                    _ => return Err(Failure::Overloaded),
                }
            }
            if !wait(&mut changes, deadline).await {
                return Err(if lost {
                    connection_lost()
                } else {
                    let reason = format!("shard {shard} has no reachable owner");
                    Failure::Unavailable(reason)
                });
            }
        }
    }

    /// Whether a node of the cluster does not know what a request writes.
    fn is_ahead_of_nodes(&self, request: &H::Request) -> bool {
        H::required_wire(request) > self.map.oldest_wire()
    }

    async fn try_once(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Attempt<H> {
        if self.is_ahead_of_nodes(&request) {
            return Attempt::Done(Err(older_nodes()));
        }
        match self.map.location(shard) {
            ShardLocation::Local => match self.ask_local(shard, deadline, request).await {
                Ok(reply) => Attempt::Done(Ok(reply)),
                Err(HostError::Failed(failure)) => Attempt::Done(Err(failure)),
                Err(HostError::NotHere(request)) => Attempt::Retry(request),
            },
            ShardLocation::Remote(owner) => self.ask_remote(owner, shard, deadline, request).await,
            ShardLocation::Unassigned => Attempt::Retry(request),
        }
    }

    /// Sends a request to a shard of this node. A request that was not written because another node
    /// has acquired the shard is returned like one that was not started: it is sent to the new
    /// owner once that is known here.
    async fn ask_local(
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
            (result, _) => result,
        }
    }

    async fn ask_remote(
        &self,
        owner: NodeId,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Attempt<H> {
        let remote = self.remote.read().expect("no writer panics").clone();
        let Some((remote, wire)) = remote.and_then(|remote| {
            let wire = remote.wire(owner)?;
            Some((remote, wire))
        }) else {
            return Attempt::Retry(request);
        };
        // The nodes as last read may not include this one.
        if H::required_wire(&request) > wire {
            return Attempt::Done(Err(older_nodes()));
        }
        let body = H::encode_request(&request, wire);
        let unreadable = |what: String| {
            Failure::Unavailable(format!("the nodes run different versions: {what}"))
        };
        match remote.ask(owner, shard, deadline, body).await {
            Ok(Reply::Success(bytes)) => {
                let reply = H::decode_reply(&bytes, wire);
                // The request was done, so it must not count as undone.
                let lost = |Unreadable(what)| Failure::OutcomeUnknown(format!("its reply {what}"));
                Attempt::Done(reply.map_err(lost))
            }
            Ok(Reply::NotOwner { hint }) => {
                if let Some(hint) = hint {
                    let owner = (shard, hint.owner(), Epoch(hint.epoch));
                    self.map.apply(remote.me(), [owner]);
                }
                Attempt::Retry(request)
            }
            Ok(Reply::Unreadable(what)) => Attempt::Done(Err(unreadable(what))),
            // The owner was deposed before it could write.
            Ok(Reply::Failed(WireFailure::NotOwner)) => Attempt::Retry(request),
            Ok(Reply::Failed(failure)) => Attempt::Done(Err(failure.into())),
            Err(AskError::NotSent) => Attempt::Retry(request),
            Err(AskError::ConnectionLost) => Attempt::Unknown(request),
            // Sending it again would have the same reply.
            Err(AskError::UnreadableReply) => {
                let reason = "the nodes run different versions: its reply cannot be decoded";
                Attempt::Done(Err(Failure::OutcomeUnknown(reason.into())))
            }
            Err(AskError::Overloaded) => Attempt::Done(Err(Failure::Overloaded)),
            Err(AskError::DeadlineExceeded) => Attempt::Done(Err(Failure::DeadlineExceeded)),
        }
    }
}

fn older_nodes() -> Failure {
    let reason = "a node of an older version, which does not know this, is in the cluster";
    Failure::Unavailable(reason.into())
}

/// Waits for a change of the map, at most [`RETRY_INTERVAL`]; `false` once the deadline has passed.
async fn wait(changes: &mut watch::Receiver<u64>, deadline: Deadline) -> bool {
    let until = deadline.instant().min(Instant::now() + RETRY_INTERVAL);
    // Errors mean that the time has passed, or that the map was dropped with its node.
    let _ = timeout_at(until.into(), changes.changed()).await;
    !deadline.has_passed(Instant::now())
}

#[cfg(test)]
mod tests;
