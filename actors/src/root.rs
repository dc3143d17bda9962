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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fritzy_domain::{NodeId, ShardCount};
    use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
    use uuid::Uuid;

    use super::*;
    use crate::activation::Activations;
    use crate::residents::Residents;

    #[tokio::test]
    async fn a_shard_whose_supervisor_died_is_started_anew_and_counted() {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(2).expect("in range"),
            committer: CommitterConfig::default(),
        });
        let me = NodeId::from_uuid(Uuid::now_v7());
        let claimed = stores.ownership.claim(me, &[ShardId(0), ShardId(1)]).await;
        let residents = Residents::new(10, Duration::from_secs(600));
        let context = |lease| ShardContext {
            lease,
            journal: stores.journal.clone(),
            activations: Activations::start(stores.read_model.clone()),
            residents: residents.clone(),
            entity_queue_max: 10,
        };
        let running = RunningShards::default();
        let arguments = RootArguments {
            shards: claimed.expect("claimed").into_iter().map(context).collect(),
            running: running.clone(),
        };
        let (root, _) = Actor::spawn(None, RootActor, arguments)
            .await
            .expect("starts");
        let actor = |shard| running.read().expect("no writer panics")[&shard].clone();
        let (dead, neighbour) = (actor(ShardId(0)), actor(ShardId(1)));
        dead.kill();
        let started_anew = async {
            while actor(ShardId(0)).get_id() == dead.get_id() {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), started_anew).await;
        assert!(waited.is_ok(), "the shard stays dead");
        assert_eq!(residents.counts().shards_restarted, 1);
        assert_eq!(actor(ShardId(1)).get_id(), neighbour.get_id());
        let alive = actor(ShardId(0)).send_message(ShardMessage::Tick);
        assert!(alive.is_ok());
        root.stop(None);
    }
}
