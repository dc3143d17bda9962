//! The root supervisor: keeps one supervisor running for each shard this node owns.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use fritzy_domain::ShardId;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tracing::error;

use crate::entity_actor::ShardContext;
use crate::messages::ShardMessage;
use crate::shard_actor::ShardActor;

/// The running shards, as the router sees them.
pub(crate) type RunningShards = Arc<RwLock<HashMap<ShardId, ActorRef<ShardMessage>>>>;

pub(crate) struct RootActor;

pub(crate) struct RootArguments {
    pub(crate) shards: Vec<ShardContext>,
    pub(crate) running: RunningShards,
}

pub(crate) struct RootState {
    running: RunningShards,
    by_actor: HashMap<ActorId, ShardContext>,
}

/// To the root: nothing yet; it only supervises.
pub(crate) enum RootMessage {}

impl ractor::Message for RootMessage {}

impl Actor for RootActor {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = RootArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        arguments: RootArguments,
    ) -> Result<RootState, ActorProcessingErr> {
        let mut state = RootState {
            running: arguments.running,
            by_actor: HashMap::new(),
        };
        for context in arguments.shards {
            state.start(&myself, context).await?;
        }
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (actor, reason) = match &event {
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                (actor.get_id(), reason.clone().unwrap_or_default())
            }
            SupervisionEvent::ActorFailed(actor, reason) => (actor.get_id(), reason.to_string()),
            _ => return Ok(()),
        };
        match state.by_actor.remove(&actor) {
            Some(context) => {
                error!(shard = %context.lease.shard, reason, "a shard's supervisor died; starting anew");
                context.residents.shard_restarted();
                state.start(&myself, context).await
            }
            None => Ok(()),
        }
    }
}

impl RootState {
    async fn start(
        &mut self,
        myself: &ActorRef<RootMessage>,
        context: ShardContext,
    ) -> Result<(), ActorProcessingErr> {
        let shard = context.lease.shard;
        let supervisor = myself.get_cell();
        let (actor, _) = Actor::spawn_linked(None, ShardActor, context.clone(), supervisor).await?;
        self.by_actor.insert(actor.get_id(), context);
        self.running
            .write()
            .expect("no writer panics")
            .insert(shard, actor);
        Ok(())
    }
}
