//! Shards move between two nodes while both are at work: nothing is lost, done twice, or refused once it was taken (I1, I2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use fritzy_actors::{PriceInput, ShopConfig, ShopError};
use fritzy_domain::{CommandId, ProductId};
use fritzy_testbed_shop::audit;
use fritzy_types::{Failure, ShardId};
use futures_util::future::join_all;

use crate::fixtures::{product_input, unkeyed};
use crate::two_nodes::TwoNodes;

const SHARDS: u16 = 8;
const CLIENTS: usize = 64;
const MOVES: usize = 50;
/// Between two moves.
const ANSWERS_MIN: usize = 50;

#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    refused: AtomicUsize,
    done: AtomicBool,
}

impl Tally {
    /// Whether a request was taken. A refusal by a shard that is not there says that nothing was written; any other would be
    /// of a request that was taken.
    fn was_taken<T>(&self, answer: Result<T, ShopError>) -> bool {
        match answer {
            Ok(_) => {
                self.answered.fetch_add(1, SeqCst);
                true
            }
            Err(ShopError::Failed(Failure::Unavailable(why)))
                if why.contains("not running") || why.contains("is on node") =>
            {
                self.refused.fetch_add(1, SeqCst);
                false
            }
            Err(other) => panic!("a request that was taken has failed: {other:?}"),
        }
    }
}

/// Creates and changes things until it is told that it is enough, each until it is taken; answers the commands.
async fn client(
    two: Arc<TwoNodes>,
    tally: Arc<Tally>,
    products: Arc<[ProductId]>,
) -> Vec<CommandId> {
    let mut acknowledged = Vec::new();
    let count = two.stores.ownership.shard_count();
    while !tally.done.load(SeqCst) {
        let request = unkeyed();
        let shard = count.shard_of(request.command.new_account().slot());
        loop {
            let shop = &two.nodes[two.owner(shard)].shop;
            if tally.was_taken(shop.create_account(&request, "Jo".into()).await) {
                break;
            }
            tokio::task::yield_now().await;
        }
        acknowledged.push(request.command);

        let product = products[acknowledged.len() % products.len()];
        let (request, id) = (unkeyed(), product.to_string());
        loop {
            let price = PriceInput {
                amount: (1 + acknowledged.len()).to_string(),
                amount_field: "price",
                currency: "USD".into(),
            };
            let shop = &two.nodes[two.owner(count.shard_of(product.slot()))].shop;
            if tally.was_taken(shop.reprice_product(&request, &id, price).await) {
                break;
            }
            tokio::task::yield_now().await;
        }
        acknowledged.push(request.command);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_move_under_load_and_nothing_is_lost_or_done_twice() {
    let two = Arc::new(TwoNodes::new(SHARDS, ShopConfig::default()).await);
    let mut products = Vec::new();
    let mut expected: BTreeMap<CommandId, usize> = BTreeMap::new();
    for _ in 0..3 * SHARDS {
        let request = unkeyed();
        let shop = &two.nodes[0].shop;
        let made = shop
            .create_product(&request, product_input("5", "USD"))
            .await;
        products.push(made.expect("created").state.id);
        *expected.entry(request.command).or_default() += 1;
    }
    let (tally, products): (Arc<Tally>, Arc<[ProductId]>) = (Arc::default(), products.into());
    let clients = (0..CLIENTS)
        .map(|_| tokio::spawn(client(two.clone(), tally.clone(), products.clone())))
        .collect::<Vec<_>>();
    for number in 0..MOVES {
        let answered = tally.answered.load(SeqCst);
        while tally.answered.load(SeqCst) < answered + ANSWERS_MIN {
            assert!(
                clients.iter().all(|client| !client.is_finished()),
                "one has failed"
            );
            tokio::task::yield_now().await;
        }
        // Half of the shards, each time another half.
        let moving: Vec<ShardId> = two
            .shards()
            .into_iter()
            .filter(|shard| (usize::from(shard.0) + number) % 3 != 0)
            .collect();
        let (ours, theirs): (Vec<_>, Vec<_>) =
            moving.into_iter().partition(|shard| two.owner(*shard) == 0);
        two.nodes[0].shop.stop_shards(&ours).await;
        two.nodes[1].shop.stop_shards(&theirs).await;
        two.claim(1, &ours).await;
        two.claim(0, &theirs).await;
    }
    tally.done.store(true, SeqCst);
    for acknowledged in join_all(clients).await {
        for command in acknowledged.expect("every answer was right") {
            *expected.entry(command).or_default() += 1;
        }
    }
    assert!(tally.refused.load(SeqCst) > 0, "no request met a move");
    let running = two.nodes.iter().map(|node| node.shop.shards_running());
    assert_eq!(running.sum::<usize>(), usize::from(SHARDS));

    let audit = audit(&two.stores).await;
    let mut found: BTreeMap<CommandId, usize> = BTreeMap::new();
    for recorded in audit.events.values().flatten() {
        *found.entry(recorded.command).or_default() += 1;
    }
    assert_eq!(found.len(), expected.len(), "I1: what was acknowledged");
    assert!(found == expected, "I1: each once");
}
