//! The actor of one active entity: one command at a time is decided, committed, then answered.

use std::sync::Arc;

use fritzy_domain::{
    AppendError, Command, DecisionContext, EntityId, Rejection, State, Stored, Version,
    check_version,
};
use fritzy_types::Failure;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tracing::warn;

use crate::clock::{is_late, now};
use crate::error::{already_taken, append_failure, read_failure};
use crate::messages::{EntityMessage, ReplyTo, ShardMessage, ShardReply, ShardRequest, Snapshot};
use crate::replay::state_at;
use crate::request::Request;
use crate::shell::append::build_append;
use crate::shell::context::ShardContext;

pub(crate) struct EntityActor;

pub(crate) struct EntityArguments {
    pub(crate) id: EntityId,
    pub(crate) context: ShardContext,
    pub(crate) supervisor: ActorRef<ShardMessage>,
    /// Whether the entity's previous actor died: an append of it may still be in flight.
    pub(crate) after_crash: bool,
}

pub(crate) struct EntityState {
    arguments: EntityArguments,
    /// `None` before the first use, while the entity does not exist, and after a commit that may
    /// have left another state in the store (unknown outcome, conflict, fence): the commands queued
    /// behind it reload the state.
    current: Option<Snapshot>,
    /// Whether an append may still be in flight, which must be settled before the next read.
    barrier_first: bool,
}

/// What a client wants of an entity.
enum Action {
    Read,
    Find,
    Execute(Command, Option<Version>, Request),
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
            barrier_first: arguments.after_crash,
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
        let (reply, deadline, action) = match message {
            EntityMessage::Stop => {
                // The successor does not know of appends in flight.
                state.await_barrier().await;
                myself.stop(None);
                return Ok(());
            }
            EntityMessage::Read { deadline, reply } => (reply, deadline, Action::Read),
            EntityMessage::Find { deadline, reply } => (reply, deadline, Action::Find),
            EntityMessage::Execute {
                command,
                expected,
                request,
                reply,
            } => (
                reply,
                request.deadline,
                Action::Execute(command, expected, request),
            ),
        };
        if is_late(deadline) {
            // The client has stopped waiting: neither work nor a reply.
            return Ok(());
        }
        if let Err(failure) = state.load().await {
            return respond(reply, Err(failure));
        }
        let Some(current) = state.current.clone() else {
            let supervisor = &state.arguments.supervisor;
            // Fails only when the shard, and this actor with it, is stopping.
            let _ =
                supervisor.send_message(ShardMessage::Absent(state.arguments.id, myself.get_id()));
            if matches!(action, Action::Find) {
                // By then this actor is stopping, and not asked again.
                let find = ShardMessage::Ask {
                    request: ShardRequest::Find {
                        id: *state.arguments.id.as_uuid(),
                    },
                    deadline,
                    reply,
                };
                // Fails as above; the client learns it from the dropped reply.
                drop(supervisor.send_message(find));
                return Ok(());
            }
            return state.respond_under_lease(reply, ShardReply::Absent);
        };
        match action {
            Action::Read | Action::Find => {
                state.respond_under_lease(reply, ShardReply::State(current))
            }
            Action::Execute(command, expected, request) => {
                state
                    .execute(&current, command, expected, &request, reply)
                    .await
            }
        }
    }
}

fn respond(to: ReplyTo, reply: Result<ShardReply, Failure>) -> Result<(), ActorProcessingErr> {
    to.send(reply);
    Ok(())
}

impl EntityState {
    /// Responds from the state that was read, as [`ShardContext::under_lease`].
    fn respond_under_lease(
        &self,
        to: ReplyTo,
        reply: ShardReply,
    ) -> Result<(), ActorProcessingErr> {
        respond(to, self.arguments.context.under_lease(reply))
    }

    /// Waits until appends in flight are settled. Clients wait no longer than their deadlines.
    async fn await_barrier(&mut self) {
        if self.barrier_first {
            self.arguments.context.node.journal.barrier().await;
            self.barrier_first = false;
        }
    }

    async fn load(&mut self) -> Result<(), Failure> {
        if self.current.is_some() {
            return Ok(());
        }
        self.await_barrier().await;
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
        match self.replayed_response(request).await {
            Ok(None) => {}
            Ok(Some(replayed)) => return self.respond_under_lease(reply, replayed),
            Err(failure) => return respond(reply, Err(failure)),
        }
        let decision = DecisionContext {
            now: now(),
            command: request.command,
        };
        let decided = check_version(expected, current.version)
            .and_then(|()| State::decide(Some(&current.state), command, &decision));
        let events = match decided {
            Ok(events) => events,
            Err(rejection) => {
                return self.respond_under_lease(reply, ShardReply::Rejected(rejection));
            }
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
                respond(reply, Ok(ShardReply::State(next)))
            }
            Err(AppendError::ReferenceTaken { holder }) => {
                self.respond_under_lease(reply, ShardReply::Rejected(already_taken(holder)))
            }
            Err(failure) => {
                let may_be_outdated =
                    matches!(failure, AppendError::Conflict | AppendError::Fenced(_))
                        || !failure.certainly_not_written();
                if may_be_outdated {
                    warn!(entity = %self.arguments.id, %failure, "an entity will be reloaded");
                    self.current = None;
                    self.barrier_first = true;
                }
                respond(reply, Err(append_failure(&failure)))
            }
        }
    }

    /// The response to the first use of the command's idempotency key (invariant I8). Reads the
    /// journal, and only for commands with a key.
    async fn replayed_response(&self, request: &Request) -> Result<Option<ShardReply>, Failure> {
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
