//! Starting, stopping and restarting a node's shards, on in-memory stores.

use fritzy_cluster::LocalLease;
use fritzy_domain::CommandId;
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_types::{NodeId, ShardCount};
use uuid::Uuid;

use super::*;
use crate::shell::activation::Activations;
use crate::shell::entity_limit::EntityLimit;

/// A node's shards on in-memory stores.
struct Local {
    shards: Arc<LocalShards>,
    entity_limit: EntityLimit,
    lease: LocalLease,
    stores: Stores,
    me: NodeId,
}

impl Local {
    async fn with_shards(count: u16) -> Self {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(count).expect("in range"),
            committer: CommitterConfig::default(),
        });
        let lease = LocalLease::unlimited();
        let entity_limit = EntityLimit::new(100, Duration::from_secs(600));
        let node = NodeContext {
            journal: stores.journal.clone(),
            activations: Activations::start(stores.read_model.clone()),
            entity_limit: entity_limit.clone(),
            local_lease: lease.clone(),
            entity_queue_max: 10,
        };
        let shards = LocalShards::start(node, 1_000, Duration::from_secs(60)).await;
        let local = Self {
            shards: Arc::new(shards.expect("starts")),
            entity_limit,
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

    /// The root supervisor's state.
    fn root_state(&self) -> RootState {
        RootState {
            node: self.shards.node.clone(),
            running: self.shards.running.clone(),
        }
    }

    /// A second supervisor for a running shard, which is not in the map.
    async fn spawn_another(&self, shard: ShardId) -> RunningShard {
        let lease = self.shards.lease_of(shard).expect("running");
        let another = spawn_shard(&self.shards.root, &self.shards.node, lease, false);
        another.await.expect("starts")
    }

    fn actor(&self, shard: ShardId) -> ActorRef<ShardMessage> {
        let running = self.shards.running.read().expect("no writer panics");
        running[&shard].actor.clone()
    }
}

fn read_of_unknown_account() -> ShardRequest {
    let entity = CommandId::from_uuid(Uuid::new_v4()).new_account().into();
    ShardRequest::Read { entity }
}

fn deadline() -> Deadline {
    Deadline::at(std::time::Instant::now() + Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_during_stop_is_answered_or_returned() {
    let local = Local::with_shards(1).await;
    for _ in 0..200 {
        let clients = (0..8).map(|_| {
            let shards = local.shards.clone();
            tokio::spawn(async move {
                loop {
                    match shards
                        .ask(ShardId(0), deadline(), read_of_unknown_account())
                        .await
                    {
                        Ok(ShardReply::Absent) => {}
                        Err(HostError::NotHere(ShardRequest::Read { .. })) => return,
                        other => panic!("an accepted request got no reply: {other:?}"),
                    }
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        while local.entity_limit.counts().resident == 0 {
            tokio::task::yield_now().await;
        }
        local.shards.stop_shards(&[ShardId(0)]).await;
        assert_eq!(
            local.entity_limit.counts().resident,
            0,
            "entities remain in memory"
        );
        for client in clients {
            client.await.expect("the client saw only expected replies");
        }
        local.claim().await;
    }
    assert_eq!(local.entity_limit.counts().shards_restarted, 0);
}

#[tokio::test]
async fn running_shard_restarts_only_under_another_lease() {
    let local = Local::with_shards(2).await;
    let before = local.actor(ShardId(1)).get_id();
    let lease = local.shards.lease_of(ShardId(1)).expect("running");
    assert_eq!(local.shards.start_shards(&[lease]).await, Ok(()));
    assert_eq!(local.actor(ShardId(1)).get_id(), before);
    local.claim().await;
    assert_ne!(local.actor(ShardId(1)).get_id(), before);
    assert_eq!(local.shards.len(), 2);
    local.shards.abandon().await;
    assert_eq!(local.shards.len(), 0);
    local.claim().await;
    let barrier = local
        .shards
        .ask(ShardId(1), deadline(), ShardRequest::Barrier);
    assert!(matches!(barrier.await, Ok(ShardReply::BarrierPassed)));
    // I3: without the lease, another node may have committed creations that are not settled here.
    local.lease.end();
    let barrier = local
        .shards
        .ask(ShardId(1), deadline(), ShardRequest::Barrier);
    let refused = barrier.await;
    assert!(
        matches!(refused, Err(HostError::Failed(Failure::Unavailable(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn dead_shard_supervisor_is_restarted_and_counted() {
    let local = Local::with_shards(2).await;
    let (dead, neighbour) = (local.actor(ShardId(0)), local.actor(ShardId(1)));
    dead.kill();
    let restarted = async {
        while local.actor(ShardId(0)).get_id() == dead.get_id() {
            tokio::task::yield_now().await;
        }
    };
    let waited = timeout(Duration::from_secs(10), restarted).await;
    assert!(waited.is_ok(), "the shard was not restarted");
    assert_eq!(local.entity_limit.counts().shards_restarted, 1);
    assert_eq!(local.actor(ShardId(1)).get_id(), neighbour.get_id());
    let alive = local.actor(ShardId(0)).send_message(ShardMessage::Tick);
    assert!(alive.is_ok());
    local.shards.stop().await;
}

#[tokio::test]
async fn shard_stopped_during_restart_stays_stopped() {
    let local = Local::with_shards(2).await;
    let (root, dead) = (local.root_state(), local.actor(ShardId(0)));
    let successor = local.spawn_another(ShardId(0)).await;
    dead.kill();
    local.shards.stop_shards(&[ShardId(0)]).await;
    root.replace(dead.get_id(), successor.clone());
    assert_eq!(local.shards.len(), 1);
    let gone = successor.actor.wait(Some(Duration::from_secs(10))).await;
    assert!(
        gone.is_ok(),
        "a supervisor that is not in the map keeps running"
    );
    assert_eq!(local.entity_limit.counts().shards_restarted, 0);
}

/// An actor that never comes back from its first message.
struct HangingShard;

impl Actor for HangingShard {
    type Msg = ShardMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<ShardMessage>,
        (): (),
    ) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<ShardMessage>,
        _: ShardMessage,
        (): &mut (),
    ) -> Result<(), ractor::ActorProcessingErr> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn shard_that_does_not_respond_is_refused_and_costs_no_other() {
    let local = Local::with_shards(2).await;
    let (hanging, _) = Actor::spawn(None, HangingShard, ()).await.expect("starts");
    {
        let mut running = local.shards.running.write().expect("no writer panics");
        running.get_mut(&ShardId(0)).expect("it runs").actor = hanging;
    }
    let ask = async |shard: u16| {
        let deadline = Deadline::at(std::time::Instant::now() + Duration::from_secs(600));
        let asked = local
            .shards
            .ask(ShardId(shard), deadline, ShardRequest::Barrier);
        timeout(Duration::from_secs(1), asked).await
    };
    assert!(ask(0).await.is_err(), "at first it only waits");
    tokio::time::sleep(Duration::from_secs(15)).await;
    match ask(0).await.expect("it is refused at once") {
        Err(HostError::Failed(Failure::Unavailable(reason))) => {
            assert!(reason.contains("shard 0 does not respond"), "{reason}");
        }
        other => panic!("{:?}", other.err()),
    }
    assert!(matches!(ask(1).await, Ok(Ok(ShardReply::BarrierPassed))));
    let mut registry = prometheus_client::registry::Registry::default();
    local.shards.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encodes");
    for line in ["shards_unresponsive 1", "unresponsive_refusals_total 1"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
