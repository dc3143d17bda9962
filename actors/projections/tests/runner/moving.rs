//! Projections of two nodes on one set of stores, between which shards move: the next owner goes on where the last one was.

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

/// More than its cursors are saved in, or set by hand are noticed in.
const A_WHILE: Duration = Duration::from_secs(6);

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
    /// Each with a projection of its own; no shard is anybody's.
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

    /// A node takes these shards, and its projections follow them.
    async fn claim(&self, node: usize, shards: &[ShardId]) {
        let leases = self.take(node, shards).await;
        self.nodes[node].projections.own(&leases);
    }

    /// A node takes these shards, and its projections have not heard of it.
    async fn take(&self, node: usize, shards: &[ShardId]) -> Vec<ShardLease> {
        let Node { id, shop, .. } = &self.nodes[node];
        let leases = self.stores.ownership.claim(*id, shards).await;
        let leases = leases.expect("claimed");
        shop.start_shards(&leases).await.expect("started");
        self.map.record(&leases);
        leases
    }

    async fn hand_over(&self, from: usize, to: usize, shards: &[ShardId]) {
        self.nodes[from].shop.stop_shards(shards).await;
        self.nodes[from].projections.disown(shards).await;
        self.claim(to, shards).await;
    }

    /// Creates accounts in one shard after the other, each at its owner.
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
            let made = shop.create_account(&request, "N".into()).await;
            made.expect("created");
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
    // Where it begins is settled before there is anything: now is the start.
    eventually(|| log.running.load(SeqCst) == 1).await;
    let mut owner = [0; SHARDS as usize];
    let mut made = 0;
    for number in 0..50 {
        two.accounts(made..made + 7).await;
        made += 7;
        for shard in all() {
            let place = usize::from(shard.0);
            if (place + number) % 3 != 0 {
                two.hand_over(owner[place], 1 - owner[place], &[shard])
                    .await;
                owner[place] = 1 - owner[place];
                two.accounts(made..made + 1).await;
                made += 1;
            }
        }
    }
    let made = usize::try_from(made).expect("few");
    eventually(|| log.distinct() == made).await;
    two.stop().await;
    log.require_all_in_order();
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn shards_move_and_every_event_is_told_in_order() {
    back_and_forth(Begin::Start).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_began_now_leaves_nothing_out_when_shards_move() {
    back_and_forth(Begin::Now).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_move_and_every_event_is_told_in_order_on_two_threads() {
    back_and_forth(Begin::Start).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_saved_before_a_shard_is_left_and_not_done_again() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    eventually(|| one.running.load(SeqCst) == 1).await;
    sleep(A_WHILE).await;
    assert_eq!(other.running.load(SeqCst), 0, "it has nothing to do");
    two.accounts(0..40).await;
    // Within the second in which nothing is saved by itself.
    while one.len() < 40 {
        tokio::task::yield_now().await;
    }
    let moving = [ShardId(1), ShardId(2)];
    two.nodes[0].shop.stop_shards(&moving).await;
    let projections = two.nodes[0].projections.clone();
    let began = Instant::now();
    let disowned = tokio::spawn(async move { projections.disown(&moving).await });
    disowned.await.expect("left");
    assert!(began.elapsed() < Duration::from_millis(100));
    let saved = two.saved().await;
    assert_eq!((saved[&moving[0]], saved[&moving[1]]), (10, 10));

    two.claim(1, &moving).await;
    two.accounts(40..80).await;
    eventually(|| other.len() == 20).await;
    eventually(|| one.len() == 60).await;
    sleep(A_WHILE).await;
    one.require_each_once_in_order();
    assert_eq!(
        (other.done(moving[0], 10), other.done(moving[0], 11)),
        (0, 1)
    );
    two.stop().await;
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn a_projection_without_room_leaves_its_shards_all_the_same() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    two.accounts(0..20).await;
    eventually(|| one.len() == 20).await;
    one.is_full.store(true, SeqCst);
    // The first of them waits for room while its shard goes, and comes back.
    two.accounts(20..40).await;
    sleep(A_WHILE).await;
    let began = Instant::now();
    two.hand_over(0, 1, &all()).await;
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    eventually(|| other.len() == 20).await;
    two.accounts(40..44).await;
    two.hand_over(1, 0, &all()).await;
    two.accounts(44..48).await;
    sleep(A_WHILE).await;
    one.make_room();
    eventually(|| one.distinct() + other.distinct() >= 48 && one.done(ShardId(3), 12) == 1).await;
    sleep(A_WHILE).await;
    two.stop().await;
    // What waited was taken all the same, once; the rest of it was left to the other node.
    assert_eq!((one.len(), other.len()), (20 + 1 + 4, 24));
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_heard_of_it_saves_nothing_for_what_it_has_lost() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    two.claim(0, &all()).await;
    two.accounts(0..20).await;
    eventually(|| one.len() == 20).await;
    sleep(A_WHILE).await;
    other.holds_back.store(true, SeqCst);
    two.claim(1, &all()).await;
    two.accounts(20..40).await;
    // Both tell it, since the first one listens still; its cursors are refused.
    eventually(|| one.len() == 40 && other.len() == 20).await;
    sleep(A_WHILE).await;
    assert!(two.saved().await.values().all(|position| *position == 5));

    two.nodes[0].shop.abandon().await;
    two.nodes[0].projections.abandon();
    eventually(|| one.running.load(SeqCst) == 0).await;
    other.holds_back.store(false, SeqCst);
    other.breaks_in(1);
    two.accounts(40..60).await;
    eventually(|| other.distinct() == 40).await;
    assert_eq!(one.len(), 40, "it has ended");
    // With new leases, it goes on.
    two.hand_over(1, 0, &all()).await;
    two.accounts(60..80).await;
    eventually(|| one.len() == 60).await;
    two.stop().await;
    other.require_all_from(6);
    assert_eq!(two.saved().await, two.heads().await);
}

#[tokio::test(start_paused = true)]
async fn a_projection_is_given_up_wherever_it_is() {
    let (one, other) = (Log::default(), Log::default());
    let two = TwoNodes::new([&one, &other], Begin::Start).await;
    let projections = &two.nodes[0].projections;
    two.claim(0, &all()).await;
    one.is_full.store(true, SeqCst);
    two.accounts(0..20).await;
    eventually(|| one.running.load(SeqCst) == 1).await;
    sleep(A_WHILE).await;
    projections.abandon();
    eventually(|| one.running.load(SeqCst) == 0).await;
    // Owned again before it has come to its end.
    one.make_room();
    two.claim(0, &all()).await;
    projections.abandon();
    two.claim(0, &all()[..2]).await;
    eventually(|| one.len() == 10).await;
    sleep(A_WHILE).await;
    assert_eq!((one.len(), one.len_in(ShardId(0))), (10, 5));
    // It cannot start: its shards come and go all the same.
    projections.abandon();
    one.is_away.store(true, SeqCst);
    two.claim(0, &all()).await;
    sleep(A_WHILE).await;
    let began = Instant::now();
    projections.disown(&all()[2..]).await;
    assert!(began.elapsed() < Duration::from_millis(500));
    one.is_away.store(false, SeqCst);
    two.accounts(20..40).await;
    eventually(|| one.len() == 20).await;
    two.stop().await;
    one.require_each_once_in_order();
}
