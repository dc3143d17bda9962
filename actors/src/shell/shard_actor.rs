//! The supervisor of one shard: starts entities at their first use, restarts them after a crash,
//! and decides creations itself, because a created entity needs no actor yet.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fritzy_domain::{
    Append, AppendError, AppendOutcome, Command, DecisionContext, EntityId, Kind, Rejection, State,
    Stored,
};
use fritzy_types::{Deadline, Failure};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};
use uuid::Uuid;

use crate::clock::{is_late, now, now_monotonic};
use crate::error::{already_taken, append_failure};
use crate::messages::{EntityMessage, ReplyTo, ShardMessage, ShardReply, ShardRequest};
use crate::request::Request;
use crate::shell::append::build_append;
use crate::shell::child::{Child, ChildActor, Children, idle_for, longest_unused};
use crate::shell::context::ShardContext;
use crate::shell::entity_actor::{EntityActor, EntityArguments};
use crate::shell::find::find_by_id;

pub(crate) struct ShardActor;

pub(crate) struct ShardState {
    context: ShardContext,
    /// In order of use, the longest unused first.
    entities: Children,
    by_actor: HashMap<ActorId, EntityId>,
    /// Entities whose last actor died: the next one first waits for its appends in flight.
    crashed: HashSet<EntityId>,
    /// Replies that wait for the journal outside of this actor.
    pending_replies: TaskTracker,
    /// Whether the actor stops once no entity and no pending reply is left.
    stopping: bool,
}

impl Drop for ShardState {
    /// The entities of a killed shard die with it; a shard that stops in order has none left.
    fn drop(&mut self) {
        for _ in &self.by_actor {
            self.context.node.entity_limit.gone(false);
        }
    }
}

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = ShardContext;

    async fn pre_start(
        &self,
        _myself: ActorRef<ShardMessage>,
        context: ShardContext,
    ) -> Result<ShardState, ActorProcessingErr> {
        Ok(ShardState {
            context,
            entities: Children::new(),
            by_actor: HashMap::new(),
            crashed: HashSet::new(),
            pending_replies: TaskTracker::new(),
            stopping: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ShardMessage::Absent(entity, actor) => state.stop_absent(entity, actor),
            ShardMessage::Activate(_) if state.stopping => {}
            ShardMessage::Activate(entity) => state.activate(&myself, entity).await?,
            ShardMessage::Tick => state.passivate_idle(),
            ShardMessage::Ping => state.context.pulse.answer(),
            ShardMessage::Stop => state.stop(&myself).await,
            ShardMessage::Ask { deadline, .. } if is_late(deadline) => {}
            ShardMessage::Ask {
                request,
                deadline,
                reply,
            } => match request {
                ShardRequest::Create { command, request } => {
                    state.create(command, request, reply);
                }
                ShardRequest::Execute {
                    entity,
                    command,
                    expected,
                    request,
                } => {
                    let message = EntityMessage::Execute {
                        command,
                        expected,
                        request,
                        reply,
                    };
                    state.forward(&myself, entity, message).await?;
                }
                ShardRequest::Read { entity } => {
                    let message = EntityMessage::Read { deadline, reply };
                    state.forward(&myself, entity, message).await?;
                }
                ShardRequest::Find { id } => state.find(&myself, id, deadline, reply).await?,
                ShardRequest::Barrier => {
                    let context = state.context.clone();
                    state.pending_replies.spawn(async move {
                        context.node.journal.barrier().await;
                        reply.send(context.under_lease(ShardReply::BarrierPassed));
                    });
                }
            },
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ShardMessage>,
        event: SupervisionEvent,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(actor, _, _) => {
                state.child_gone(&myself, actor.get_id(), false).await
            }
            SupervisionEvent::ActorFailed(actor, reason) => {
                warn!(shard = %state.context.lease.shard, %reason, "an entity's actor died");
                state.child_gone(&myself, actor.get_id(), true).await
            }
            _ => Ok(()),
        }
    }
}

impl ShardState {
    /// Decides a creation and appends it. The reply is sent when it is durable; meanwhile this
    /// actor continues. The journal's unique keys detect an existing entity, so that a fresh id
    /// costs no read.
    fn create(&self, command: Command, request: Request, reply: ReplyTo) {
        // A panic of the rules must fail this request only, not the shard.
        let submitted = catch_unwind(AssertUnwindSafe(|| {
            let decision = DecisionContext {
                now: now(),
                command: request.command,
            };
            let events = State::decide(None, command, &decision)?;
            let append = build_append(self.context.lease, None, 0, events, &request);
            Ok::<_, Rejection>(self.submit(append))
        }));
        match submitted {
            Ok(Ok((created, committed))) => {
                self.pending_replies.spawn(async move {
                    reply.send(match committed.await {
                        Ok(_) => Ok(ShardReply::State(created)),
                        Err(AppendError::Conflict) => Ok(ShardReply::Exists),
                        // Proved by the journal: it refused this very append.
                        Err(AppendError::ReferenceTaken { holder }) => {
                            Ok(ShardReply::Rejected(already_taken(holder)))
                        }
                        Err(failure) => Err(append_failure(&failure)),
                    });
                });
            }
            // Needs no local lease: a creation is rejected for its command alone, equally on every
            // node. That an entity exists already is proved by the journal.
            Ok(Err(rejection)) => {
                reply.send(Ok(ShardReply::Rejected(rejection)));
            }
            Err(_) => {
                error!(command = %request.command, "deciding a creation panicked");
                reply.send(Err(Failure::Internal));
            }
        }
    }

    fn submit(
        &self,
        append: Append,
    ) -> (
        Arc<Stored<State>>,
        impl Future<Output = Result<AppendOutcome, AppendError>> + use<>,
    ) {
        let version = append.events.len() as u64;
        let created = Arc::new(Stored {
            version,
            state: append.state.clone(),
        });
        (created, self.context.node.journal.append(append))
    }

    /// Replies with the entity of this id. One in use is asked first, so that it needs no read.
    async fn find(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        id: Uuid,
        deadline: Deadline,
        reply: ReplyTo,
    ) -> Result<(), ActorProcessingErr> {
        let entities = Kind::ALL.map(|kind| EntityId::from_uuid(kind, id));
        let in_use = |entity: &EntityId| self.entities.get(entity).is_some_and(Child::is_active);
        if let Some(entity) = entities.into_iter().find(in_use) {
            let message = EntityMessage::Find { deadline, reply };
            return self.forward(myself, entity, message).await;
        }
        let found = find_by_id(self.context.clone(), myself.clone(), id);
        self.pending_replies
            .spawn(async move { reply.send(found.await) });
        Ok(())
    }

    /// Starts the actor of an entity, unless it has one.
    async fn activate(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        id: EntityId,
    ) -> Result<(), ActorProcessingErr> {
        if self.entities.contains_key(&id) {
            return Ok(());
        }
        let child = Child {
            permits: Arc::new(Semaphore::new(self.context.node.entity_queue_max)),
            last_used: now_monotonic(),
            actor: ChildActor::Active(self.start(myself, id).await?),
        };
        self.entities.insert(id, child);
        self.passivate_over_limit();
        Ok(())
    }

    async fn forward(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        id: EntityId,
        mut message: EntityMessage,
    ) -> Result<(), ActorProcessingErr> {
        self.activate(myself, id).await?;
        let child = self
            .entities
            .to_back(&id)
            .expect("the entity was active or has just been started");
        child.last_used = now_monotonic();
        match child.permits.clone().try_acquire_owned() {
            Ok(permit) => message.hold_permit(permit),
            Err(_) => {
                if let Some(reply) = message.into_reply() {
                    reply.send(Err(Failure::Overloaded));
                }
                return Ok(());
            }
        }
        match &mut child.actor {
            // An actor that has just died drops the message; the client learns it from the dropped
            // reply.
            ChildActor::Active(actor) => drop(actor.send_message(message)),
            ChildActor::Stopping(waiting) => waiting.push(message),
        }
        Ok(())
    }

    async fn start(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        id: EntityId,
    ) -> Result<ActorRef<EntityMessage>, ActorProcessingErr> {
        let arguments = EntityArguments {
            id,
            context: self.context.clone(),
            supervisor: myself.clone(),
            after_crash: self.crashed.remove(&id) || self.context.after_crash,
        };
        let (actor, _) =
            Actor::spawn_linked(None, EntityActor, arguments, myself.get_cell()).await?;
        self.by_actor.insert(actor.get_id(), id);
        self.context.node.entity_limit.started();
        Ok(actor)
    }

    /// Passivates the longest unused entity when the node holds too many.
    fn passivate_over_limit(&mut self) {
        if self.context.node.entity_limit.is_exceeded()
            && let Some(entity) = longest_unused(&self.entities)
        {
            self.passivate(entity);
        }
    }

    /// Passivates all entities that have been idle for long enough.
    fn passivate_idle(&mut self) {
        let now = now_monotonic();
        let idle_after = self.context.node.entity_limit.idle_after;
        for entity in idle_for(&self.entities, idle_after, now) {
            self.passivate(entity);
        }
    }

    fn stop_absent(&mut self, entity: EntityId, absent: ActorId) {
        if let Some(Child {
            actor: ChildActor::Active(actor),
            ..
        }) = self.entities.get(&entity)
            && actor.get_id() == absent
        {
            self.passivate(entity);
        }
    }

    /// Stops an entity after the messages in its queue.
    fn passivate(&mut self, entity: EntityId) {
        if let Some(child) = self.entities.get_mut(&entity)
            && let ChildActor::Active(actor) = &child.actor
        {
            drop(actor.send_message(EntityMessage::Stop));
            child.actor = ChildActor::Stopping(Vec::new());
            self.context.node.entity_limit.passivated();
        }
    }

    async fn child_gone(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        actor: ActorId,
        crashed: bool,
    ) -> Result<(), ActorProcessingErr> {
        let Some(id) = self.by_actor.remove(&actor) else {
            return Ok(());
        };
        if crashed {
            self.crashed.insert(id);
        }
        self.context.node.entity_limit.gone(crashed);
        if let Some(Child {
            permits,
            last_used,
            actor: ChildActor::Stopping(waiting),
        }) = self.entities.remove(&id)
            && !waiting.is_empty()
        {
            let actor = self.start(myself, id).await?;
            for message in waiting {
                drop(actor.send_message(message));
            }
            self.entities.insert(
                id,
                Child {
                    permits,
                    last_used,
                    actor: ChildActor::Active(actor),
                },
            );
            if self.stopping {
                self.passivate(id);
            }
        }
        self.stop_when_empty(myself).await;
        Ok(())
    }

    /// Stops all entities after the messages in their queues, then this actor.
    async fn stop(&mut self, myself: &ActorRef<ShardMessage>) {
        self.stopping = true;
        let entities: Vec<EntityId> = self.entities.keys().copied().collect();
        for entity in entities {
            self.passivate(entity);
        }
        self.stop_when_empty(myself).await;
    }

    async fn stop_when_empty(&self, myself: &ActorRef<ShardMessage>) {
        if self.stopping && self.entities.is_empty() {
            // No message can follow, so that waiting here delays none.
            self.pending_replies.close();
            self.pending_replies.wait().await;
            myself.stop(None);
        }
    }
}
