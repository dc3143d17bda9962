//! The messages to shards and entities, and their replies.

use std::sync::Arc;

use fritzy_domain::{Command, EntityId, Rejection, State, Stored, Version};
use fritzy_types::{Deadline, Failure};
use ractor::ActorId;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use crate::request::Request;

/// A committed state: shared and immutable.
pub type Snapshot = Arc<Stored<State>>;

/// A request to a shard. Between nodes it is serialized without its deadline, which is sent beside
/// it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ShardRequest {
    /// Decide a command that creates an entity.
    Create {
        /// The creating command, which brings all data of the entity.
        command: Command,
        /// The creation's identity and deadline.
        request: Request,
    },
    /// Decide a command to an existing entity.
    Execute {
        /// The entity to change.
        entity: EntityId,
        /// The command, which creates nothing.
        command: Command,
        /// The version at which the client expects the entity; `None` accepts every version.
        expected: Option<Version>,
        /// The command's identity and deadline.
        request: Request,
    },
    /// Return the state of an entity.
    Read {
        /// The entity to read.
        entity: EntityId,
    },
    /// Reply once every creation requested before has been committed or refused.
    Barrier,
    /// Return the state of the entity with this id, whatever its kind is.
    Find {
        /// The id, whose slot belongs to the shard.
        id: Uuid,
    },
}

impl ShardRequest {
    /// Whether the request may write.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Execute { .. } => true,
            Self::Read { .. } | Self::Barrier | Self::Find { .. } => false,
        }
    }
}

/// A shard's reply to a [`ShardRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub enum ShardReply {
    /// The requested state, or the state after the command.
    State(Snapshot),
    /// The entity does not exist.
    Absent,
    /// The command breaks a rule. Nothing was written.
    Rejected(Rejection),
    /// The entity to create exists already.
    Exists,
    /// Every creation requested before the barrier has been committed or refused.
    BarrierPassed,
}

/// Where to send a reply, with the request's permits in the queues. Both permits are returned when
/// it is dropped: after the reply, or unused when an actor dies.
pub(crate) struct ReplyTo {
    sender: oneshot::Sender<Result<ShardReply, Failure>>,
    _node_permit: OwnedSemaphorePermit,
    entity_permit: Option<OwnedSemaphorePermit>,
}

impl ReplyTo {
    pub(crate) const fn new(
        sender: oneshot::Sender<Result<ShardReply, Failure>>,
        node_permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            sender,
            _node_permit: node_permit,
            entity_permit: None,
        }
    }

    /// Holds a permit in the queue of one entity until the reply.
    pub(crate) fn hold_permit(&mut self, permit: OwnedSemaphorePermit) {
        self.entity_permit = Some(permit);
    }

    /// Sends the reply; ignored when the client has stopped waiting.
    pub(crate) fn send(self, reply: Result<ShardReply, Failure>) {
        let _ = self.sender.send(reply);
    }
}

/// A message to the supervisor of a shard.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all messages are requests: a box would be one more allocation for each"
)]
pub(crate) enum ShardMessage {
    Ask {
        request: ShardRequest,
        deadline: Deadline,
        reply: ReplyTo,
    },
    /// The entity does not exist; its actor is not needed.
    Absent(EntityId, ActorId),
    /// The entity exists and was read without its actor: further reads need one.
    Activate(EntityId),
    /// Sent at intervals: passivate idle entities.
    Tick,
    /// Sent at intervals: show that the actor comes to its messages.
    Ping,
    /// Finish every earlier request, then stop. No request follows.
    Stop,
}

/// A message to the actor of an entity.
pub(crate) enum EntityMessage {
    Read {
        deadline: Deadline,
        reply: ReplyTo,
    },
    /// Like `Read`, by a client that does not know the kind: where the entity does not exist, the
    /// supervisor looks on.
    Find {
        deadline: Deadline,
        reply: ReplyTo,
    },
    Execute {
        command: Command,
        expected: Option<Version>,
        request: Request,
        reply: ReplyTo,
    },
    /// Stop after every earlier message. The supervisor sends nothing afterwards.
    Stop,
}

impl EntityMessage {
    /// Where to send the reply, for messages that have one.
    pub(crate) fn into_reply(self) -> Option<ReplyTo> {
        match self {
            Self::Read { reply, .. } | Self::Find { reply, .. } | Self::Execute { reply, .. } => {
                Some(reply)
            }
            Self::Stop => None,
        }
    }

    pub(crate) fn hold_permit(&mut self, permit: OwnedSemaphorePermit) {
        match self {
            Self::Read { reply, .. } | Self::Find { reply, .. } | Self::Execute { reply, .. } => {
                reply.hold_permit(permit);
            }
            Self::Stop => {}
        }
    }
}

// With its feature `cluster`, ractor requires every message to declare whether it can be sent to
// another node. These cannot: remote requests arrive through the cluster's dispatcher.
impl ractor::Message for ShardMessage {}
impl ractor::Message for EntityMessage {}
