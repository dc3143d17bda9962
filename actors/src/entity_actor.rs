//! The actor of one active entity: one command at a time, decided, committed, then answered.

use std::sync::Arc;

use fritzy_cluster::{LeaseGeneration, LocalLease};
use fritzy_domain::{
    Append, AppendError, Command, CommandRecord, DecisionContext, EntityId, Event, EventId,
    Journal, Rejection, State, Stored, Version, check_version, fold,
};
use fritzy_types::{Failure, ShardId, ShardLease, StorageError};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tracing::{error, warn};
use uuid::Uuid;

use crate::activation::Activations;
use crate::answer::Request;
use crate::clock::{now, now_monotonic};
use crate::messages::{EntityMessage, ReplyTo, ShardMessage, ShardReply, Snapshot};
use crate::residents::Residents;

/// What the actors of all shards of a node share.
pub(crate) struct NodeContext {
    pub(crate) journal: Journal,
    pub(crate) activations: Activations,
    pub(crate) residents: Residents,
    /// The right to answer what no commit proves.
    pub(crate) local_lease: LocalLease,
    /// Requests that may wait for one entity.
    pub(crate) entity_queue_max: usize,
}

/// What the actors of one shard share.
#[derive(Clone)]
pub(crate) struct ShardContext {
    pub(crate) lease: ShardLease,
    pub(crate) node: Arc<NodeContext>,
    /// The lease's life in which the shard was started.
    pub(crate) life: LeaseGeneration,
    /// The shard's supervisor before this one died: what its entities had appended may still be under way.
    pub(crate) after_crash: bool,
}

impl ShardContext {
    /// An answer that this node's own commit does not prove: another node may have taken the shard and committed since the
    /// state was read. While the lease holds, none has (invariant I3).
    pub(crate) fn unproved(&self, answer: ShardReply) -> Result<ShardReply, Failure> {
        if self.node.local_lease.holds_in(self.life) {
            Ok(answer)
        } else {
            let lapsed = "this node's lease has lapsed: another may have its shards";
            Err(Failure::Unavailable(lapsed.into()))
        }
    }
}

pub(crate) struct EntityActor;

pub(crate) struct EntityArguments {
    pub(crate) id: EntityId,
    pub(crate) context: ShardContext,
    pub(crate) supervisor: ActorRef<ShardMessage>,
    /// The actor before this one died.
    pub(crate) after_crash: bool,
}

pub(crate) struct EntityState {
    arguments: EntityArguments,
    /// `None` until first used, while it does not exist, and again when what is stored may be another: after a commit of
    /// which nothing certain is known, what waits behind it is done on what it has left.
    current: Option<Snapshot>,
    /// Whether something that was appended may still be under way: it is waited for before anything is read.
    settle_first: bool,
}

impl Actor for EntityActor {
    type Msg = EntityMessage;
    type State = EntityState;
    type Arguments = EntityArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<EntityMessage>,
        arguments: EntityArguments,
    ) -> Result<EntityState, ActorProcessingErr> {
        Ok(EntityState {
            settle_first: arguments.after_crash,
            arguments,
            current: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<EntityMessage>,
        message: EntityMessage,
        state: &mut EntityState,
    ) -> Result<(), ActorProcessingErr> {
        let (reply, deadline, command) = match message {
            EntityMessage::Stop => {
                // Its successor knows nothing of what this one has left.
                state.settle().await;
                myself.stop(None);
                return Ok(());
            }
            EntityMessage::Read { deadline, reply } => (reply, deadline, None),
            EntityMessage::Execute {
                command,
                expected,
                request,
                reply,
            } => (reply, request.deadline, Some((command, expected, request))),
        };
        if deadline.has_passed(now_monotonic()) {
            // Nobody waits any more: no work, no answer.
            return Ok(());
        }
        if let Err(failure) = state.load().await {
            return answer(reply, Err(failure));
        }
        let Some(current) = state.current.clone() else {
            let supervisor = &state.arguments.supervisor;
            // Fails only when the shard is stopping, and this actor with it.
            let _ =
                supervisor.send_message(ShardMessage::Absent(state.arguments.id, myself.get_id()));
            return state.answer_unproved(reply, ShardReply::Absent);
        };
        match command {
            None => state.answer_unproved(reply, ShardReply::State(current)),
            Some((command, expected, request)) => {
                state
                    .execute(&current, command, expected, &request, reply)
                    .await
            }
        }
    }
}

fn answer(reply: ReplyTo, with: Result<ShardReply, Failure>) -> Result<(), ActorProcessingErr> {
    reply.send(with);
    Ok(())
}

impl EntityState {
    /// Answers from what was read, as [`ShardContext::unproved`].
    fn answer_unproved(&self, reply: ReplyTo, with: ShardReply) -> Result<(), ActorProcessingErr> {
        answer(reply, self.arguments.context.unproved(with))
    }

    /// Waits for what was appended and may still be under way. Whoever asks waits no longer than its deadline.
    async fn settle(&mut self) {
        if self.settle_first {
            self.arguments.context.node.journal.barrier().await;
            self.settle_first = false;
        }
    }

    async fn load(&mut self) -> Result<(), Failure> {
        if self.current.is_some() {
            return Ok(());
        }
        self.settle().await;
        let row = self
            .arguments
            .context
            .node
            .activations
            .load(self.arguments.id)
            .await;
        let row = row.map_err(read_failure)?;
        self.current = row.map(Arc::new);
        Ok(())
    }

    async fn execute(
        &mut self,
        current: &Snapshot,
        command: Command,
        expected: Option<Version>,
        request: &Request,
        reply: ReplyTo,
    ) -> Result<(), ActorProcessingErr> {
        match self.find_repeat(request).await {
            Ok(None) => {}
            Ok(Some(first_answer)) => return self.answer_unproved(reply, first_answer),
            Err(failure) => return answer(reply, Err(failure)),
        }
        let env = DecisionContext {
            now: now(),
            command: request.command,
        };
        let decided = check_version(expected, current.version)
            .and_then(|()| State::decide(Some(&current.state), command, &env));
        let events = match decided {
            Ok(events) => events,
            Err(rejection) => return self.answer_unproved(reply, ShardReply::Rejected(rejection)),
        };
        let after = current.version;
        let version = after + events.len() as u64;
        let append = build_append(
            self.arguments.context.lease,
            Some(current.state.clone()),
            after,
            events,
            request,
        );
        let next = Arc::new(Stored {
            version,
            state: append.state.clone(),
        });
        match self.arguments.context.node.journal.append(append).await {
            Ok(_) => {
                self.current = Some(next.clone());
                answer(reply, Ok(ShardReply::State(next)))
            }
            Err(failure) => {
                let may_be_outdated =
                    matches!(failure, AppendError::Conflict | AppendError::Fenced(_))
                        || !failure.certainly_not_written();
                if may_be_outdated {
                    warn!(entity = %self.arguments.id, %failure, "an entity is read anew");
                    self.current = None;
                    self.settle_first = true;
                }
                answer(reply, Err(append_failure(&failure)))
            }
        }
    }

    /// What the same command answered when it was first given (invariant I8). Asked of the journal, and
    /// only for commands with a key.
    async fn find_repeat(&self, request: &Request) -> Result<Option<ShardReply>, Failure> {
        let Some(fingerprint) = request.fingerprint else {
            return Ok(None);
        };
        let context = &self.arguments.context;
        let journal = &context.node.journal;
        let found = journal
            .find_command(context.lease.shard, request.command)
            .await;
        let Some(record) = found.map_err(read_failure)? else {
            return Ok(None);
        };
        if record.fingerprint != Some(fingerprint) || record.entity != self.arguments.id {
            return Ok(Some(ShardReply::Rejected(Rejection::KeyReused)));
        }
        let first = state_at(journal, context.lease.shard, &record).await?;
        Ok(Some(ShardReply::State(first)))
    }
}

/// The state that a command left its entity in: the fold of the events up to then.
pub(crate) async fn state_at(
    journal: &Journal,
    shard: ShardId,
    record: &CommandRecord,
) -> Result<Snapshot, Failure> {
    let events = journal
        .read_entity(shard, record.entity, record.version)
        .await
        .map_err(read_failure)?;
    let state = fold(events.iter().map(|recorded| &recorded.event));
    let state = state.ok_or_else(|| {
        error!(entity = %record.entity, "the journal has a command's record but not its events");
        Failure::Internal
    })?;
    Ok(Arc::new(Stored {
        version: record.version,
        state,
    }))
}

/// The append of decided events, with the state they lead to.
pub(crate) fn build_append(
    lease: ShardLease,
    before: Option<State>,
    after: u64,
    events: Vec<Event>,
    request: &Request,
) -> Append {
    let state = events
        .iter()
        .fold(before, State::evolve)
        .expect("decided events lead to a state");
    Append {
        lease,
        entity: state.id(),
        expected_version: after,
        command: request.command,
        fingerprint: request.fingerprint,
        events: events
            .into_iter()
            .map(|event| (EventId::from_uuid(Uuid::new_v4()), event))
            .collect(),
        state,
        deadline: request.deadline,
    }
}

pub(crate) fn read_failure(failure: StorageError) -> Failure {
    match failure {
        StorageError::Unavailable(reason) => {
            warn!(%reason, "the store cannot read");
            Failure::Unavailable("the database does not answer".into())
        }
        StorageError::Unreadable(reason) => {
            error!(%reason, "stored data cannot be read");
            Failure::Unavailable("stored data cannot be read by this version".into())
        }
        StorageError::BudgetExceeded(_) => Failure::Overloaded,
    }
}

/// What a client is told of it. What the store said is for the log, where the committer has put it: it names
/// servers and accounts.
pub(crate) fn append_failure(failure: &AppendError) -> Failure {
    match failure {
        AppendError::Overloaded => Failure::Overloaded,
        AppendError::Expired => Failure::DeadlineExceeded,
        AppendError::Conflict => Failure::Unavailable(failure.to_string()),
        AppendError::Fenced(_) => Failure::NotOwner,
        AppendError::Unavailable {
            certainly_not_written: true,
            ..
        } => Failure::Unavailable("the database cannot write".into()),
        AppendError::Unavailable {
            certainly_not_written: false,
            ..
        } => Failure::OutcomeUnknown("the database does not answer".into()),
    }
}
