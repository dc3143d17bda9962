//! Projections of two nodes on one set of stores. Shards move between the nodes, and the next owner
//! continues where the last one stopped.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use fritzy_actors::{Request, Shop, ShopConfig};
use fritzy_cluster::{LocalLease, ShardMap};
use fritzy_domain::{CommandId, Position};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_projections::{Begin, Projections};
use fritzy_types::{Deadline, NodeId, ShardCount, ShardId, ShardLease};
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::ledger::Log;
use crate::shop::{SHARDS, eventually};

/// Longer than the intervals at which cursors are saved and resets are noticed.
const SETTLE_TIME: Duration = Duration::from_secs(6);

struct Node {
    id: NodeId,
    shop: Shop,
    projections: Arc<Projections>,
}

struct TwoNodes {
    stores: Stores,
    map: Arc<ShardMap>,
    nodes: [Node; 2],
}

impl TwoNodes {
    /// Each with a projection of its own; no shard is owned yet.
    async fn new(logs: [&Log; 2], begin: Begin) -> Self {
        let shards = ShardCount::new(SHARDS).expect("in range");
        let stores = Stores::in_memory(MemoryConfig {
            shards,
            committer: CommitterConfig::default(),
        });
        let map = Arc::new(ShardMap::new(shards));
        let node = async |log: &Log| {
            let id = NodeId::from_uuid(Uuid::now_v7());
            let shop = Shop::empty(
                ShopConfig::default(),
                map.clone(),
                LocalLease::unlimited(),
                stores.journal.clone(),
                stores.read_model.clone(),
            );
            let mut registry = Registry::default();
            let projections = Projections::start(
                vec![log.start(begin)],
                &[],
                &stores.journal,
                &stores.cursors,
                &mut registry,
            );
            Node {
                id,
                shop: shop.await.expect("starts"),
                projections: Arc::new(projections.await.expect("starts")),
            }
        };
        let nodes = [node(logs[0]).await, node(logs[1]).await];
        Self { stores, map, nodes }
    }

    /// A node claims these shards, and its projections follow them.
    async fn claim(&self, node: usize, shards: &[ShardId]) {
        let leases = self.claim_unnoticed(node, shards).await;
        self.nodes[node].projections.assign(&leases);
    }

    /// A node claims these shards, and its projections do not know of it.
    async fn claim_unnoticed(&self, node: usize, shards: &[ShardId]) -> Vec<ShardLease> {
        let Node { id, shop, .. } = &self.nodes[node];
        let leases = self.stores.ownership.claim(*id, shards).await;
        let leases = leases.expect("claimed");
        shop.start_shards(&leases).await.expect("started");
        self.map.record(&leases);
        leases
    }

    async fn hand_off(&self, from: usize, to: usize, shards: &[ShardId]) {
        self.nodes[from].shop.stop_shards(shards).await;
        self.nodes[from].projections.release(shards).await;
        self.claim(to, shards).await;
    }

    /// Creates accounts in one shard after the other, each on the node that owns it.
    async fn accounts(&self, numbers: Range<u128>) {
        for number in numbers {
            let command = CommandId::from_uuid(Uuid::from_u128(number));
            let shard = self.map.shard_of(command.new_account().slot());
            let owner = self.map.owner(shard).0;
            let node = self.nodes.iter().find(|node| Some(node.id) == owner);
            let request = Request {
                command,
                fingerprint: None,
                deadline: Deadline::at((Instant::now() + Duration::from_secs(60)).into_std()),
            };
            let shop = &node.expect("it has one").shop;
            let created = shop.create_account(&request, "N".into()).await;
            created.expect("created");
        }
    }

    async fn heads(&self) -> BTreeMap<ShardId, Position> {
        self.stores.journal.heads().await.expect("reads")
    }

    async fn saved(&self) -> BTreeMap<ShardId, Position> {
        let cursors = self.stores.cursors.cursors("ledger").await;
        let cursors = cursors.expect("reads").into_iter();
        cursors
            .map(|cursor| (cursor.shard, cursor.position))
            .collect()
    }

    async fn stop(&self) {
        for node in &self.nodes {
            node.projections.stop().await;
        }
    }
}

fn all() -> Vec<ShardId> {
    (0..SHARDS).map(ShardId).collect()
}

async fn back_and_forth(begin: Begin) {
    let log = Log::default();
    let two = TwoNodes::new([&log, &log], begin).await;
    two.claim(0, &all()).await;
    // Where it begins is saved before anything is committed: now is the start.
    eventually(|| log.running.load(SeqCst) == 1).await;
    let mut owner = [0; SHARDS as usize];
    let mut created = 0;
    for number in 0..50 {
        two.accounts(created..created + 7).await;
        created += 7;
        for shard in all() {
            let place = usize::from(shard.0);
            if (place + number) % 3 != 0 {
                two.hand_off(owner[place], 1 - owner[place], &[shard]).await;
                owner[place] = 1 - owner[place];
                two.accounts(created..created + 1).await;
                created += 1;
            }
        }
    }
    let created = usize::try_from(created).expect("few");
    eventually(|| log.distinct() == created).await;
    two.stop().await;
    log.require_all_in_order();
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn moving_shards_deliver_every_event_in_order() {
    back_and_forth(Begin::Start).await;
}

#[tokio::test(start_paused = true)]
async fn moving_shards_deliver_every_event_after_begin_now() {
    back_and_forth(Begin::Now).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_shards_deliver_every_event_on_two_threads() {
    back_and_forth(Begin::Start).await;
}

#[tokio::test(start_paused = true)]
async fn released_shard_is_saved_and_not_redelivered() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    eventually(|| one.running.load(SeqCst) == 1).await;
    sleep(SETTLE_TIME).await;
    assert_eq!(other.running.load(SeqCst), 0, "it has no shard");
    two.accounts(0..40).await;
    // Within the second in which no cursor is saved.
    while one.len() < 40 {
        tokio::task::yield_now().await;
    }
    let moving = [ShardId(1), ShardId(2)];
    two.nodes[0].shop.stop_shards(&moving).await;
    let projections = two.nodes[0].projections.clone();
    let began = Instant::now();
    let released = tokio::spawn(async move { projections.release(&moving).await });
    released.await.expect("released");
    assert!(began.elapsed() < Duration::from_millis(100));
    let saved = two.saved().await;
    assert_eq!((saved[&moving[0]], saved[&moving[1]]), (10, 10));

    two.claim(1, &moving).await;
    two.accounts(40..80).await;
    eventually(|| other.len() == 20).await;
    eventually(|| one.len() == 60).await;
    sleep(SETTLE_TIME).await;
    one.require_each_once_in_order();
    assert_eq!(
        (
            other.times_taken(moving[0], 10),
            other.times_taken(moving[0], 11)
        ),
        (0, 1)
    );
    two.stop().await;
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn full_projection_still_releases_its_shards() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    two.accounts(0..20).await;
    eventually(|| one.len() == 20).await;
    one.is_full.store(true, SeqCst);
    // The first of them waits for capacity while its shard moves away and comes back.
    two.accounts(20..40).await;
    sleep(SETTLE_TIME).await;
    let began = Instant::now();
    two.hand_off(0, 1, &all()).await;
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    eventually(|| other.len() == 20).await;
    two.accounts(40..44).await;
    two.hand_off(1, 0, &all()).await;
    two.accounts(44..48).await;
    sleep(SETTLE_TIME).await;
    one.free_capacity();
    eventually(|| one.distinct() + other.distinct() >= 48 && one.times_taken(ShardId(3), 12) == 1)
        .await;
    sleep(SETTLE_TIME).await;
    two.stop().await;
    // The waiting event was taken once all the same; the others were left to the other node.
    assert_eq!((one.len(), other.len()), (20 + 1 + 4, 24));
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn i3_deposed_node_saves_no_cursors() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    two.accounts(0..20).await;
    eventually(|| one.len() == 20).await;
    sleep(SETTLE_TIME).await;
    other.withholds_acks.store(true, SeqCst);
    two.claim(1, &all()).await;
    two.accounts(20..40).await;
    // Both take the events, since the first one is still subscribed; its cursors are rejected.
    eventually(|| one.len() == 40 && other.len() == 20).await;
    sleep(SETTLE_TIME).await;
    assert!(two.saved().await.values().all(|position| *position == 5));

    two.nodes[0].shop.abandon().await;
    two.nodes[0].projections.abandon();
    eventually(|| one.running.load(SeqCst) == 0).await;
    other.withholds_acks.store(false, SeqCst);
    other.fails_in(1);
    two.accounts(40..60).await;
    eventually(|| other.distinct() == 40).await;
    assert_eq!(one.len(), 40, "it has ended");
    // With new leases, it continues.
    two.hand_off(1, 0, &all()).await;
    two.accounts(60..80).await;
    eventually(|| one.len() == 60).await;
    two.stop().await;
    other.require_all_from(6);
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn abandon_drops_a_projection_in_any_state() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    let projections = &two.nodes[0].projections;
    two.claim(0, &all()).await;
    one.is_full.store(true, SeqCst);
    two.accounts(0..20).await;
    eventually(|| one.running.load(SeqCst) == 1).await;
    sleep(SETTLE_TIME).await;
    projections.abandon();
    eventually(|| one.running.load(SeqCst) == 0).await;
    // Assigned again before the run has ended.
    one.free_capacity();
    two.claim(0, &all()).await;
    projections.abandon();
    two.claim(0, &all()[..2]).await;
    eventually(|| one.len() == 10).await;
    sleep(SETTLE_TIME).await;
    assert_eq!((one.len(), one.len_in(ShardId(0))), (10, 5));
    // While it cannot start, its shards are assigned and released all the same.
    projections.abandon();
    one.is_unreachable.store(true, SeqCst);
    two.claim(0, &all()).await;
    sleep(SETTLE_TIME).await;
    let began = Instant::now();
    projections.release(&all()[2..]).await;
    assert!(began.elapsed() < Duration::from_millis(500));
    one.is_unreachable.store(false, SeqCst);
    two.accounts(20..40).await;
    eventually(|| one.len() == 20).await;
    two.stop().await;
    one.require_each_once_in_order();
}
