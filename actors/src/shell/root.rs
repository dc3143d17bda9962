//! The root supervisor: restarts the supervisors of shards that die.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use fritzy_types::{ShardId, ShardLease};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tracing::error;

use crate::messages::ShardMessage;
use crate::pulse::Pulse;
use crate::shell::context::{NodeContext, ShardContext};
use crate::shell::shard_actor::ShardActor;

/// The lease and the supervisor of a running shard.
#[derive(Clone)]
pub(crate) struct RunningShard {
    pub(crate) lease: ShardLease,
    pub(crate) actor: ActorRef<ShardMessage>,
    pub(crate) pulse: Pulse,
}

/// The running shards. A shard that was removed is not restarted.
pub(crate) type RunningShards = Arc<RwLock<HashMap<ShardId, RunningShard>>>;

pub(crate) struct RootActor;

pub(crate) struct RootState {
    pub(crate) node: Arc<NodeContext>,
    pub(crate) running: RunningShards,
}

/// The root has no messages; it only supervises.
pub(crate) enum RootMessage {}

impl ractor::Message for RootMessage {}

impl Actor for RootActor {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = RootState;

    async fn pre_start(
        &self,
        _myself: ActorRef<RootMessage>,
        state: RootState,
    ) -> Result<RootState, ActorProcessingErr> {
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
        // A shard that is being stopped was removed before.
        let Some(lease) = state.lease_of(actor) else {
            return Ok(());
        };
        error!(shard = %lease.shard, reason, "a shard's supervisor died; restarting it");
        state.node.entity_limit.shard_restarted();
        let restarted = spawn_shard(&myself, &state.node, lease, true).await?;
        state.replace(actor, restarted);
        Ok(())
    }
}

/// Starts the supervisor of a shard as a child of the root.
pub(crate) async fn spawn_shard(
    root: &ActorRef<RootMessage>,
    node: &Arc<NodeContext>,
    lease: ShardLease,
    after_crash: bool,
) -> Result<RunningShard, SpawnErr> {
    let pulse = Pulse::default();
    let context = ShardContext {
        lease,
        pulse: pulse.clone(),
        node: node.clone(),
        generation: node.local_lease.generation(),
        after_crash,
    };
    let (actor, _) = Actor::spawn_linked(None, ShardActor, context, root.get_cell()).await?;
    Ok(RunningShard {
        lease,
        actor,
        pulse,
    })
}

impl RootState {
    fn lease_of(&self, actor: ActorId) -> Option<ShardLease> {
        let running = self.running.read().expect("no writer panics");
        let dead = running.values().find(|shard| shard.actor.get_id() == actor);
        dead.map(|shard| shard.lease)
    }

    /// Replaces a shard's dead supervisor with its successor, unless the shard was stopped
    /// meanwhile.
    pub(crate) fn replace(&self, dead: ActorId, successor: RunningShard) {
        let mut running = self.running.write().expect("no writer panics");
        match running.get_mut(&successor.lease.shard) {
            Some(shard) if shard.actor.get_id() == dead => *shard = successor,
            _ => successor.actor.stop(None),
        }
    }
}
