//! What shards and entities are asked, and what they answer.

use std::sync::Arc;

use fritzy_domain::{Command, EntityId, Rejection, State, Stored, Version};
use fritzy_types::{Deadline, Failure};
use ractor::ActorId;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::request::Request;

/// A state that was committed; shared, never changed.
pub type Snapshot = Arc<Stored<State>>;

/// What a shard can be asked. The same for another node: its deadline goes beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ShardRequest {
    /// Decide a creation.
    Create {
        /// The creation.
        command: Command,
        /// Its identity.
        request: Request,
    },
    /// Decide a command to an entity that exists.
    Execute {
        /// The entity.
        entity: EntityId,
        /// The command.
        command: Command,
        /// The version that the client expects the entity to have.
        expected: Option<Version>,
        /// The command's identity.
        request: Request,
    },
    /// The state of an entity.
    Read {
        /// The entity.
        entity: EntityId,
    },
    /// Nothing, but only once every creation asked for before has been committed or refused.
    Barrier,
}

impl ShardRequest {
    /// Whether it may write.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Execute { .. } => true,
            Self::Read { .. } | Self::Barrier => false,
        }
    }
}

/// What a shard answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum ShardReply {
    /// The state asked for, or the one after the command.
    State(Snapshot),
    /// There is no such entity.
    Absent,
    /// The command cannot be.
    Rejected(Rejection),
    /// What was to be created exists already.
    Exists,
    /// Everything before is settled.
    BarrierPassed,
}

/// Where an answer goes, and the places it takes in the queues until it is given. Dropped unanswered
/// when an actor dies, which gives the places back as well.
pub(crate) struct ReplyTo {
    answer: oneshot::Sender<Result<ShardReply, Failure>>,
    _in_node: OwnedSemaphorePermit,
    in_entity: Option<OwnedSemaphorePermit>,
}

impl ReplyTo {
    pub(crate) const fn new(
        answer: oneshot::Sender<Result<ShardReply, Failure>>,
        in_node: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            answer,
            _in_node: in_node,
            in_entity: None,
        }
    }

    /// Takes a place in the queue of one entity.
    pub(crate) fn queue_at(&mut self, place: OwnedSemaphorePermit) {
        self.in_entity = Some(place);
    }

    /// Answers; the other side may have given up.
    pub(crate) fn send(self, answer: Result<ShardReply, Failure>) {
        let _ = self.answer.send(answer);
    }
}

/// To the supervisor of a shard.
pub(crate) enum ShardMessage {
    Ask {
        request: ShardRequest,
        deadline: Deadline,
        reply: ReplyTo,
    },
    /// An entity turned out not to exist; its actor is not needed.
    Absent(EntityId, ActorId),
    /// Time has passed: let idle entities go.
    Tick,
    /// Finish what came before, and stop. No request comes after this.
    Stop,
}

/// To an entity.
pub(crate) enum EntityMessage {
    Read {
        deadline: Deadline,
        reply: ReplyTo,
    },
    Execute {
        command: Command,
        expected: Option<Version>,
        request: Request,
        reply: ReplyTo,
    },
    /// Its supervisor sends nothing after this.
    Stop,
}

impl EntityMessage {
    /// Where the answer goes, for a message that has one.
    pub(crate) fn into_reply(self) -> Option<ReplyTo> {
        match self {
            Self::Read { reply, .. } | Self::Execute { reply, .. } => Some(reply),
            Self::Stop => None,
        }
    }

    pub(crate) fn queue_at(&mut self, place: OwnedSemaphorePermit) {
        match self {
            Self::Read { reply, .. } | Self::Execute { reply, .. } => reply.queue_at(place),
            Self::Stop => {}
        }
    }
}

// The `cluster` feature of ractor asks every message to say whether it can go to another node. These
// cannot: only gates can.
impl ractor::Message for ShardMessage {}
impl ractor::Message for EntityMessage {}
