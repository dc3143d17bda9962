//! A node's shards on stores in memory, started and stopped.

use fritzy_cluster::LocalLease;
use fritzy_domain::CommandId;
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_types::{NodeId, ShardCount};
use uuid::Uuid;

use super::*;
use crate::shell::activation::Activations;
use crate::shell::entity_limit::Residents;

/// A node's shards on stores in memory.
pub(crate) struct Local {
    pub(crate) shards: Arc<LocalShards>,
    pub(crate) residents: Residents,
    lease: LocalLease,
    stores: Stores,
    me: NodeId,
}

impl Local {
    /// With this many shards, all started.
    pub(crate) async fn with_shards(count: u16) -> Self {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(count).expect("in range"),
            committer: CommitterConfig::default(),
        });
        let lease = LocalLease::unlimited();
        let residents = Residents::new(100, Duration::from_secs(600));
        let node = NodeContext {
            journal: stores.journal.clone(),
            activations: Activations::start(stores.read_model.clone()),
            residents: residents.clone(),
            local_lease: lease.clone(),
            entity_queue_max: 10,
        };
        let shards = LocalShards::start(node, 1_000, Duration::from_secs(60)).await;
        let local = Self {
            shards: Arc::new(shards.expect("starts")),
            residents,
            lease,
            stores,
            me: NodeId::from_uuid(Uuid::now_v7()),
        };
        local.claim().await;
        local
    }

    /// Claims and starts all shards, under new leases.
    async fn claim(&self) {
        let shards: Vec<ShardId> = self.stores.ownership.shard_count().all().collect();
        let claimed = self.stores.ownership.claim(self.me, &shards).await;
        let started = self.shards.start_shards(&claimed.expect("claimed")).await;
        assert_eq!(started, Ok(()));
    }

    /// The root as it sees itself.
    pub(crate) fn root_state(&self) -> RootState {
        RootState {
            node: self.shards.node.clone(),
            running: self.shards.running.clone(),
        }
    }

    /// A supervisor for a shard that runs already, which nobody knows of.
    pub(crate) async fn spawn_another(&self, shard: ShardId) -> RunningShard {
        let lease = self.shards.lease_of(shard).expect("it runs");
        let another = spawn_shard(&self.shards.root, &self.shards.node, lease, false);
        another.await.expect("starts")
    }

    pub(crate) fn actor(&self, shard: ShardId) -> ActorRef<ShardMessage> {
        let running = self.shards.running.read().expect("no writer panics");
        running[&shard].actor.clone()
    }
}

fn read_of_nothing() -> ShardRequest {
    let entity = CommandId::from_uuid(Uuid::new_v4()).new_account().into();
    ShardRequest::Read { entity }
}

fn deadline() -> Deadline {
    Deadline::at(std::time::Instant::now() + Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_meets_a_stop_is_answered_or_comes_back() {
    let local = Local::with_shards(1).await;
    for _ in 0..200 {
        let clients = (0..8).map(|_| {
            let shards = local.shards.clone();
            tokio::spawn(async move {
                loop {
                    match shards.ask(ShardId(0), deadline(), read_of_nothing()).await {
                        Ok(ShardReply::Absent) => {}
                        Err(HostError::NotHere(ShardRequest::Read { .. })) => return,
                        other => panic!("it was taken and not answered: {other:?}"),
                    }
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        while local.residents.counts().resident == 0 {
            tokio::task::yield_now().await;
        }
        local.shards.stop_shards(&[ShardId(0)]).await;
        assert_eq!(local.residents.counts().resident, 0, "all have left");
        for client in clients {
            client.await.expect("every answer was right");
        }
        local.claim().await;
    }
    assert_eq!(local.residents.counts().shards_restarted, 0);
}

#[tokio::test]
async fn a_shard_that_runs_is_started_anew_under_another_lease_only() {
    let local = Local::with_shards(2).await;
    let before = local.actor(ShardId(1)).get_id();
    let lease = local.shards.lease_of(ShardId(1)).expect("it runs");
    assert_eq!(local.shards.start_shards(&[lease]).await, Ok(()));
    assert_eq!(local.actor(ShardId(1)).get_id(), before);
    local.claim().await;
    assert_ne!(local.actor(ShardId(1)).get_id(), before);
    assert_eq!(local.shards.len(), 2);
    local.shards.abandon().await;
    assert_eq!(local.shards.len(), 0);
    local.claim().await;
    let asked = local
        .shards
        .ask(ShardId(1), deadline(), ShardRequest::Barrier);
    assert!(matches!(asked.await, Ok(ShardReply::BarrierPassed)));
    // What was committed by another node meanwhile would not be settled here.
    local.lease.end();
    let asked = local
        .shards
        .ask(ShardId(1), deadline(), ShardRequest::Barrier);
    let refused = asked.await;
    assert!(
        matches!(refused, Err(HostError::Failed(Failure::Unavailable(_)))),
        "{refused:?}"
    );
}
