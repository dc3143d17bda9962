//! Dispatchers: the only actors that other nodes can reach. Each reads frames and dispatches their
//! messages; a node has one for each CPU. Every request gets a reply, also one that cannot be
//! decoded. A frame that cannot be decoded ends its connection, so that no request in it waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, Epoch, ShardId};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::sleep;
use tracing::{Instrument, debug, error, info_span};

use crate::protocol::envelope::{self, Purpose, ReceivedFrame, UnreadableFrame, UnreadableMessage};
use crate::protocol::frame::{Message, OwnershipUpdate, Reply, Request, Trace};
use crate::protocol::gate_message::GateMessage;
use crate::routing::host::{HostError, ShardHost};
use crate::transport::connection::PeerConnection;
use crate::transport::shared::{NodeShared, PeerNotice};

/// The longest deadline that a peer's request can have, whatever it sends.
const REMAINING_MAX: Duration = Duration::from_secs(600);
/// A frame can arrive shortly before its connection is registered here. Frames of a connection that
/// has ended wait as long, and are dropped.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two checks whether the connection is registered.
const CONNECTION_POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The actor that reads frames from other nodes.
pub(crate) struct Dispatcher<H>(pub(crate) Arc<NodeShared<H>>);

impl<H: ShardHost> Actor for Dispatcher<H> {
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
        match envelope::decode(&bytes) {
            Ok(frame) => match self.0.connection_of(frame.origin) {
                Some(connection) => dispatch(&self.0, &connection, frame),
                None => drop(tokio::spawn(dispatch_when_linked(self.0.clone(), frame))),
            },
            Err(UnreadableFrame { origin, reason }) => {
                error!(%reason, bytes = bytes.len(), "a frame from another node cannot be decoded");
                if let Some(connection) = origin.and_then(|origin| self.0.connection_of(origin)) {
                    connection.on_unreadable_frame();
                }
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

async fn dispatch_when_linked<H: ShardHost>(shared: Arc<NodeShared<H>>, frame: ReceivedFrame) {
    let peer = frame.origin.from;
    let began = Instant::now();
    loop {
        if let Some(connection) = shared.connection_of(frame.origin) {
            return dispatch(&shared, &connection, frame);
        }
        if began.elapsed() > CONNECTION_TIMEOUT {
            // The sender sees the lost connection, or gives up at its deadline.
            return debug!(%peer, "dropping a frame of a connection that has ended");
        }
        sleep(CONNECTION_POLL_INTERVAL).await;
    }
}

fn dispatch<H: ShardHost>(
    shared: &Arc<NodeShared<H>>,
    connection: &Arc<PeerConnection>,
    frame: ReceivedFrame,
) {
    connection.on_frame();
    for message in frame.messages {
        let message = match message {
            Ok(message) => message,
            Err(unreadable) => {
                on_unreadable(connection, unreadable);
                continue;
            }
        };
        match message {
            Message::Request(request) => {
                let span = request.trace.map(|trace| span_of(&trace));
                let handling = handle_request(shared.clone(), connection.clone(), request);
                match span {
                    Some(span) => connection.spawn_handling(handling.instrument(span)),
                    None => connection.spawn_handling(handling),
                }
            }
            Message::Reply { id, reply } => connection.complete(id, reply),
            Message::OwnershipUpdates(updates) => {
                let updates = updates.iter();
                let records = updates.map(|u| (ShardId(u.shard), u.owner(), Epoch(u.epoch)));
                shared.notify(PeerNotice::OwnershipChanged(records.collect()));
            }
            Message::Ping(sent) => drop(connection.try_send(Message::Pong(sent))),
            Message::Pong(sent) => connection.on_pong(sent),
            Message::GoAway => {
                let connection = connection.clone();
                drop(tokio::spawn(async move { connection.on_go_away().await }));
            }
            Message::GoAwayAck => connection.on_go_away_ack(),
            Message::Rebalance => shared.notify(PeerNotice::Rebalance),
        }
    }
}

/// Replies to a request that cannot be decoded, or fails the own request whose reply cannot be. A
/// notice of a newer version is ignored.
fn on_unreadable(connection: &Arc<PeerConnection>, unreadable: UnreadableMessage) {
    let UnreadableMessage { purpose, reason } = unreadable;
    match purpose {
        Purpose::Request(id) => {
            error!(%reason, peer = %connection.name, "a request from another node cannot be decoded");
            let reply = Reply::Unreadable(reason.to_string());
            let replying = connection.clone();
            connection.spawn_handling(async move {
                replying.send(Message::Reply { id, reply }).await;
            });
        }
        Purpose::Reply(id) => {
            error!(%reason, peer = %connection.name, "a reply from another node cannot be decoded");
            connection.on_unreadable_reply(id);
        }
        Purpose::Notice => {
            debug!(%reason, peer = %connection.name, "a notice from another node cannot be decoded");
        }
    }
}

fn span_of(trace: &Trace) -> tracing::Span {
    info_span!("ask", trace_id = trace.id(), parent = trace.parent())
}

async fn handle_request<H: ShardHost>(
    shared: Arc<NodeShared<H>>,
    connection: Arc<PeerConnection>,
    request: Request,
) {
    let began = Instant::now();
    let remaining = Duration::from_millis(request.remaining_ms.into()).min(REMAINING_MAX);
    let deadline = Deadline::at(began + remaining);
    let shard = ShardId(request.shard);
    let reply = match H::decode_request(&request.body, deadline, connection.wire) {
        Err(unreadable) => {
            error!(%unreadable, peer = %connection.name, %shard, "a request from another node cannot be decoded");
            Reply::Unreadable(unreadable.to_string())
        }
        Ok(decoded) => match shared.host.ask(shard, deadline, decoded).await {
            Ok(reply) => Reply::Success(H::encode_reply(&reply, connection.wire)),
            Err(HostError::NotHere(_)) => {
                let (owner, epoch) = shared.map.owner(shard);
                let other = owner.filter(|owner| *owner != shared.me);
                let hint = other.map(|owner| OwnershipUpdate::new(shard, Some(owner), epoch));
                Reply::NotOwner { hint }
            }
            Err(HostError::Failed(failure)) => Reply::Failed(failure.into()),
        },
    };
    // The fields are evaluated only where this level is logged.
    debug!(peer = %connection.name, %shard, reply = reply.kind(), took = ?began.elapsed(), "replied to another node");
    let id = request.id;
    connection.send(Message::Reply { id, reply }).await;
}

#[cfg(test)]
mod tests;
