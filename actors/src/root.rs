//! The root supervisor: starts those supervisors of shards anew that die.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use fritzy_types::{ShardId, ShardLease};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tracing::error;

use crate::entity_actor::{NodeContext, ShardContext};
use crate::messages::ShardMessage;
use crate::shard_actor::ShardActor;

/// A shard that runs.
#[derive(Clone)]
pub(crate) struct RunningShard {
    pub(crate) lease: ShardLease,
    pub(crate) actor: ActorRef<ShardMessage>,
}

/// The running shards. What is not in here any more is not started anew.
pub(crate) type RunningShards = Arc<RwLock<HashMap<ShardId, RunningShard>>>;

pub(crate) struct RootActor;

pub(crate) struct RootState {
    pub(crate) node: Arc<NodeContext>,
    pub(crate) running: RunningShards,
}

/// To the root: nothing; it only supervises.
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
        // One that was told to stop is not there any more.
        let Some(lease) = state.lease_of(actor) else {
            return Ok(());
        };
        error!(shard = %lease.shard, reason, "a shard's supervisor died; starting anew");
        state.node.residents.shard_restarted();
        let anew = spawn_shard(&myself, &state.node, lease, true).await?;
        state.replace(actor, anew);
        Ok(())
    }
}

/// Starts the supervisor of a shard, below the root.
pub(crate) async fn spawn_shard(
    root: &ActorRef<RootMessage>,
    node: &Arc<NodeContext>,
    lease: ShardLease,
    after_crash: bool,
) -> Result<RunningShard, SpawnErr> {
    let context = ShardContext {
        lease,
        node: node.clone(),
        life: node.local_lease.generation(),
        after_crash,
    };
    let (actor, _) = Actor::spawn_linked(None, ShardActor, context, root.get_cell()).await?;
    Ok(RunningShard { lease, actor })
}

impl RootState {
    fn lease_of(&self, actor: ActorId) -> Option<ShardLease> {
        let running = self.running.read().expect("no writer panics");
        let dead = running.values().find(|shard| shard.actor.get_id() == actor);
        dead.map(|shard| shard.lease)
    }

    /// Puts a shard's new supervisor in the place of the dead one, unless the shard was told to stop meanwhile.
    fn replace(&self, dead: ActorId, anew: RunningShard) {
        let mut running = self.running.write().expect("no writer panics");
        match running.get_mut(&anew.lease.shard) {
            Some(shard) if shard.actor.get_id() == dead => *shard = anew,
            _ => anew.actor.stop(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fritzy_types::ShardId;

    use crate::local_shards::tests::Local;
    use crate::messages::ShardMessage;

    #[tokio::test]
    async fn a_shard_whose_supervisor_died_is_started_anew_and_counted() {
        let local = Local::with_shards(2).await;
        let (dead, neighbour) = (local.actor(ShardId(0)), local.actor(ShardId(1)));
        dead.kill();
        let started_anew = async {
            while local.actor(ShardId(0)).get_id() == dead.get_id() {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), started_anew).await;
        assert!(waited.is_ok(), "the shard stays dead");
        assert_eq!(local.residents.counts().shards_restarted, 1);
        assert_eq!(local.actor(ShardId(1)).get_id(), neighbour.get_id());
        let alive = local.actor(ShardId(0)).send_message(ShardMessage::Tick);
        assert!(alive.is_ok());
        local.shards.stop().await;
    }

    #[tokio::test]
    async fn a_shard_that_is_told_to_stop_while_it_is_started_anew_stays_stopped() {
        let local = Local::with_shards(2).await;
        let (root, dead) = (local.root_state(), local.actor(ShardId(0)));
        let anew = local.spawn_another(ShardId(0)).await;
        dead.kill();
        local.shards.stop_shards(&[ShardId(0)]).await;
        root.replace(dead.get_id(), anew.clone());
        assert_eq!(local.shards.len(), 1);
        let gone = anew.actor.wait(Some(Duration::from_secs(10))).await;
        assert!(gone.is_ok(), "it runs, and nobody knows of it");
        assert_eq!(local.residents.counts().shards_restarted, 0);
    }
}
