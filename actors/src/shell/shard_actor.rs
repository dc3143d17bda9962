//! The supervisor of one shard: starts entities at their first use, starts them anew after a crash,
//! and decides creations itself, without an actor for what was only just made.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use fritzy_domain::{
    Append, AppendError, AppendOutcome, Command, DecisionContext, EntityId, Rejection, State,
    Stored,
};
use fritzy_types::Failure;
use hashlink::LinkedHashMap;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Semaphore, watch};
use tracing::{error, warn};

use crate::clock::{is_late, now, now_monotonic};
use crate::messages::{EntityMessage, ReplyTo, ShardMessage, ShardReply, ShardRequest};
use crate::request::Request;
use crate::shell::entity_actor::{
    EntityActor, EntityArguments, ShardContext, append_failure, build_append,
};

pub(crate) struct ShardActor;

pub(crate) struct ShardState {
    context: ShardContext,
    /// In order of use, the longest unused first.
    entities: LinkedHashMap<EntityId, Child>,
    by_actor: HashMap<ActorId, EntityId>,
    /// Entities whose last actor died: their next one first waits for what it had appended.
    crashed: HashSet<EntityId>,
    /// Listened to by all that goes on outside of this actor: closed when nothing does.
    outside: watch::Sender<()>,
    /// Whether it stops when nothing is left.
    stopping: bool,
}

impl Drop for ShardState {
    /// A shard that is killed takes its entities with it; one that stops in order has none left.
    fn drop(&mut self) {
        for _ in &self.by_actor {
            self.context.node.residents.gone(false);
        }
    }
}

/// An entity in use.
struct Child {
    /// Places in its queue; whoever finds none is refused as overload.
    places: Arc<Semaphore>,
    last_used: Instant,
    actor: ChildActor,
}

enum ChildActor {
    Active(ActorRef<EntityMessage>),
    /// Told to stop; what comes meanwhile waits for its successor, so that an entity never has two.
    Stopping(Vec<EntityMessage>),
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
            entities: LinkedHashMap::new(),
            by_actor: HashMap::new(),
            crashed: HashSet::new(),
            outside: watch::Sender::new(()),
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
            ShardMessage::Tick => state.passivate_idle(),
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
                ShardRequest::Barrier => {
                    let context = state.context.clone();
                    let outside = state.outside.subscribe();
                    tokio::spawn(async move {
                        context.node.journal.barrier().await;
                        reply.send(context.unproved(ShardReply::BarrierPassed));
                        drop(outside);
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
    /// Decides a creation and hands it to the journal; whoever waits is answered when it is durable,
    /// while this actor goes on. The journal's unique keys say whether it existed already, so that a
    /// fresh id costs no read.
    fn create(&self, command: Command, request: Request, reply: ReplyTo) {
        // A panic of the rules is this request's misfortune, not the shard's.
        let submitted = catch_unwind(AssertUnwindSafe(|| {
            let env = DecisionContext {
                now: now(),
                command: request.command,
            };
            let events = State::decide(None, command, &env)?;
            let append = build_append(self.context.lease, None, 0, events, &request);
            Ok::<_, Rejection>(self.submit(append))
        }));
        match submitted {
            Ok(Ok((created, committed))) => {
                let outside = self.outside.subscribe();
                tokio::spawn(async move {
                    reply.send(match committed.await {
                        Ok(_) => Ok(ShardReply::State(created)),
                        Err(AppendError::Conflict) => Ok(ShardReply::Exists),
                        Err(failure) => Err(append_failure(&failure)),
                    });
                    drop(outside);
                });
            }
            // No look at the local lease: what refuses a creation is in the command alone, and true on every node. That
            // one exists already is proved by the journal.
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

    async fn forward(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        id: EntityId,
        mut message: EntityMessage,
    ) -> Result<(), ActorProcessingErr> {
        let last_used = now_monotonic();
        if !self.entities.contains_key(&id) {
            let actor = ChildActor::Active(self.start(myself, id).await?);
            let places = Arc::new(Semaphore::new(self.context.node.entity_queue_max));
            self.entities.insert(
                id,
                Child {
                    places,
                    last_used,
                    actor,
                },
            );
            self.make_room();
        }
        let child = self
            .entities
            .to_back(&id)
            .expect("it was there or has just been started");
        child.last_used = last_used;
        match child.places.clone().try_acquire_owned() {
            Ok(place) => message.queue_at(place),
            Err(_) => {
                if let Some(reply) = message.into_reply() {
                    reply.send(Err(Failure::Overloaded));
                }
                return Ok(());
            }
        }
        match &mut child.actor {
            // An actor that has just died takes the message with it; whoever waits is told so by the
            // dropped reply.
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
        self.context.node.residents.started();
        Ok(actor)
    }

    /// Lets the longest unused entity go when the node holds too many.
    fn make_room(&mut self) {
        if self.context.node.residents.too_many()
            && let Some(entity) = self.longest_unused()
        {
            self.passivate(entity);
        }
    }

    /// Lets all entities go that were not used for long enough.
    fn passivate_idle(&mut self) {
        let now = now_monotonic();
        let idle_after = self.context.node.residents.idle_after;
        let idle: Vec<EntityId> = self
            .entities
            .iter()
            .take_while(|(_, child)| now.saturating_duration_since(child.last_used) >= idle_after)
            .map(|(entity, _)| *entity)
            .collect();
        for entity in idle {
            self.passivate(entity);
        }
    }

    /// The longest unused of several; never the only one, which is being used now.
    fn longest_unused(&self) -> Option<EntityId> {
        let is_active = |child: &Child| matches!(child.actor, ChildActor::Active(_));
        let others = self
            .entities
            .iter()
            .take(self.entities.len().saturating_sub(1));
        others
            .filter(|(_, child)| is_active(child))
            .map(|(entity, _)| *entity)
            .next()
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

    /// Tells an entity to leave once it has done what waits for it.
    fn passivate(&mut self, entity: EntityId) {
        if let Some(child) = self.entities.get_mut(&entity)
            && let ChildActor::Active(actor) = &child.actor
        {
            drop(actor.send_message(EntityMessage::Stop));
            child.actor = ChildActor::Stopping(Vec::new());
            self.context.node.residents.passivated();
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
        self.context.node.residents.gone(crashed);
        if let Some(Child {
            places,
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
                    places,
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

    /// Lets all entities go once they have done what waits for them, and then stops.
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
            // Nothing else can come for this actor to do.
            self.outside.closed().await;
            myself.stop(None);
        }
    }
}
