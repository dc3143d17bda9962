//! Gates: the only actors that other nodes can reach. Each reads frames and has them done; a node has as many as it has
//! processors. Every ask is answered, also one that cannot be read.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, Epoch, NodeId, ShardId};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use ractor_cluster::RactorClusterMessage;
use tokio::sync::mpsc;
use tracing::{Instrument, debug, error, info_span, warn};

use crate::protocol::frame::{Ask, Entry, Frame, News, Reply, Trace, node_id};
use crate::routing::router::{HostError, ShardHost};
use crate::routing::shard_map::ShardMap;
use crate::transport::connection::Link;

/// No ask waits for longer, whatever the asker says.
const REMAINING_MAX: Duration = Duration::from_secs(600);

/// What comes over a connection.
#[derive(RactorClusterMessage)]
pub(crate) enum GateMessage {
    /// A [`Frame`], encoded.
    Frame(Vec<u8>),
}

/// A shard that is said to have an owner, or none.
pub type Heard = (ShardId, Option<NodeId>, Epoch);

/// What other nodes tell, besides asks and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerNotice {
    /// Shards have changed hands.
    News(Vec<Heard>),
    /// Shards shall move to where they should be, now.
    Rebalance,
    /// A node has come that is not in the table as it was read last.
    Newcomer,
    /// A node is connected.
    Connected,
}

/// What all gates of a node share.
pub(crate) struct Inside<H> {
    pub(crate) me: NodeId,
    pub(crate) host: Arc<H>,
    pub(crate) map: Arc<ShardMap>,
    pub(crate) links: RwLock<HashMap<NodeId, Arc<Link>>>,
    /// Where it goes. News that find no room are learned by the next look at the table.
    pub(crate) told: mpsc::Sender<PeerNotice>,
}

impl<H> Inside<H> {
    pub(crate) fn link(&self, peer: NodeId) -> Option<Arc<Link>> {
        let links = self.links.read().expect("no writer panics");
        links.get(&peer).cloned()
    }

    /// The link that a frame came by. An answer that is taken for another connection's is somebody else's.
    fn link_of(&self, frame: &Frame) -> Option<Arc<Link>> {
        let link = self.link(node_id(frame.from));
        link.filter(|link| link.connection == frame.connection)
    }
}

/// A peer can be ready, and ask, a moment before its connection is noted here. What is left of a connection that has ended waits
/// as long, for nothing.
const LINK_WAIT_MAX: Duration = Duration::from_secs(2);
/// Between two looks for it.
const LINK_LOOK_EVERY: Duration = Duration::from_millis(2);

/// A gate.
pub(crate) struct Gate<H>(pub(crate) Arc<Inside<H>>);

/// The name of the group of a node's gates.
pub(crate) fn gates_of(node: NodeId) -> String {
    format!("gates of {node}")
}

impl<H: ShardHost> Actor for Gate<H> {
    type Msg = GateMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<GateMessage>,
        (): (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<GateMessage>,
        GateMessage::Frame(bytes): GateMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match Frame::decode(&bytes) {
            Ok(frame) => match self.0.link_of(&frame) {
                Some(link) => take(&self.0, &link, frame),
                None => drop(tokio::spawn(take_later(self.0.clone(), frame))),
            },
            Err(unreadable) => {
                error!(%unreadable, bytes = bytes.len(), "a frame from another node")
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<GateMessage>,
        _event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

async fn take_later<H: ShardHost>(inside: Arc<Inside<H>>, frame: Frame) {
    let peer = node_id(frame.from);
    let began = Instant::now();
    loop {
        if let Some(link) = inside.link_of(&frame) {
            return take(&inside, &link, frame);
        }
        if began.elapsed() > LINK_WAIT_MAX {
            // Whoever asked hears of the lost connection, or gives up by its deadline.
            return warn!(%peer, "a frame of a connection that has ended is not heard");
        }
        tokio::time::sleep(LINK_LOOK_EVERY).await;
    }
}

fn take<H: ShardHost>(inside: &Arc<Inside<H>>, link: &Arc<Link>, frame: Frame) {
    link.heard();
    for entry in frame.entries {
        match entry {
            Entry::Ask(ask) => {
                let span = ask.trace.map(|trace| span_of(&trace));
                link.serving.fetch_add(1, Ordering::AcqRel);
                let serving = serve(inside.clone(), link.clone(), ask);
                match span {
                    Some(span) => drop(tokio::spawn(serving.instrument(span))),
                    None => drop(tokio::spawn(serving)),
                }
            }
            Entry::Reply { id, answer } => link.answered(id, answer),
            Entry::News(news) => {
                let news = news.iter();
                let heard = news.map(|n| (ShardId(n.shard), n.owner(), Epoch(n.epoch)));
                let _ = inside.told.try_send(PeerNotice::News(heard.collect()));
            }
            Entry::Ping(sent) => drop(link.try_send(Entry::Pong(sent))),
            Entry::Pong(sent) => link.pong(sent),
            Entry::Farewell => {
                let link = link.clone();
                drop(tokio::spawn(async move { link.hear_farewell().await }));
            }
            Entry::FarewellHeard => link.farewell_heard.notify_one(),
            Entry::Rebalance => drop(inside.told.try_send(PeerNotice::Rebalance)),
        }
    }
}

fn span_of(trace: &Trace) -> tracing::Span {
    info_span!("ask", trace_id = trace.id(), parent = trace.parent())
}

async fn serve<H: ShardHost>(inside: Arc<Inside<H>>, link: Arc<Link>, ask: Ask) {
    let began = Instant::now();
    let remaining = Duration::from_millis(ask.remaining_ms.into()).min(REMAINING_MAX);
    let deadline = Deadline::at(began + remaining);
    let shard = ShardId(ask.shard);
    let answer = match H::decode_request(&ask.body, deadline) {
        Err(unreadable) => {
            error!(%unreadable, peer = %link.name, %shard, "an ask from another node");
            Reply::Unreadable(unreadable.to_string())
        }
        Ok(request) => match inside.host.ask(shard, deadline, request).await {
            Ok(reply) => Reply::Reply(H::encode_reply(&reply)),
            Err(HostError::NotHere(_)) => {
                let (owner, epoch) = inside.map.owner(shard);
                let known = owner.filter(|owner| *owner != inside.me);
                Reply::NotMine(known.map(|owner| News::new(shard, Some(owner), epoch)))
            }
            Err(HostError::Failed(failure)) => Reply::Failed(failure.into()),
        },
    };
    // Evaluated only where somebody listens.
    debug!(peer = %link.name, %shard, answer = answer.kind(), took = ?began.elapsed(), "answered another node");
    let id = ask.id;
    link.send(Entry::Reply { id, answer }).await;
    link.serving.fetch_sub(1, Ordering::AcqRel);
}

#[cfg(test)]
mod tests;
