//! Shards move between two nodes under load: no accepted request is lost, executed twice or refused
//! (I1, I2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use fritzy_actors::{PriceInput, ShopConfig, ShopError};
use fritzy_domain::{CommandId, ProductId};
use fritzy_types::{Failure, ShardId};
use futures_util::future::join_all;

use crate::audit::audit;
use crate::fixtures::{product_input, unkeyed};
use crate::two_nodes::TwoNodes;

const SHARDS: u16 = 8;
const CLIENTS: usize = 64;
const MOVES: usize = 50;
/// Successful requests between two moves.
const SUCCESSES_MIN: usize = 50;

#[derive(Default)]
struct Tally {
    succeeded: AtomicUsize,
    refused: AtomicUsize,
    done: AtomicBool,
}

impl Tally {
    /// Whether a request was accepted. Only a node that does not run the shard may refuse, which
    /// guarantees that nothing was written; an accepted request must succeed.
    fn was_accepted<T>(&self, result: Result<T, ShopError>) -> bool {
        match result {
            Ok(_) => {
                self.succeeded.fetch_add(1, SeqCst);
                true
            }
            Err(ShopError::Failed(Failure::Unavailable(reason)))
                if reason.contains("not running") || reason.contains("is on node") =>
            {
                self.refused.fetch_add(1, SeqCst);
                false
            }
            Err(other) => panic!("an accepted request failed: {other:?}"),
        }
    }
}

/// Creates accounts and reprices products until the test is done, repeating each request until it
/// is accepted; returns the acknowledged commands.
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
            if tally.was_accepted(shop.create_account(&request, "Jo".into()).await) {
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
            if tally.was_accepted(shop.reprice_product(&request, &id, price).await) {
                break;
            }
            tokio::task::yield_now().await;
        }
        acknowledged.push(request.command);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_shard_moves_under_load_execute_each_command_once() {
    let two = Arc::new(TwoNodes::new(SHARDS, ShopConfig::default()).await);
    let mut products = Vec::new();
    let mut expected: BTreeMap<CommandId, usize> = BTreeMap::new();
    for _ in 0..3 * SHARDS {
        let request = unkeyed();
        let shop = &two.nodes[0].shop;
        let created = shop
            .create_product(&request, product_input("5", "USD"))
            .await;
        products.push(created.expect("created").state.id);
        *expected.entry(request.command).or_default() += 1;
    }
    let (tally, products): (Arc<Tally>, Arc<[ProductId]>) = (Arc::default(), products.into());
    let clients = (0..CLIENTS)
        .map(|_| tokio::spawn(client(two.clone(), tally.clone(), products.clone())))
        .collect::<Vec<_>>();
    for number in 0..MOVES {
        let succeeded = tally.succeeded.load(SeqCst);
        while tally.succeeded.load(SeqCst) < succeeded + SUCCESSES_MIN {
            assert!(
                clients.iter().all(|client| !client.is_finished()),
                "a client has failed"
            );
            tokio::task::yield_now().await;
        }
        // Two thirds of the shards, another selection for each move.
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
        for command in acknowledged.expect("every accepted request succeeded") {
            *expected.entry(command).or_default() += 1;
        }
    }
    assert!(
        tally.refused.load(SeqCst) > 0,
        "no request was refused by a move"
    );
    let running = two.nodes.iter().map(|node| node.shop.shards_running());
    assert_eq!(running.sum::<usize>(), usize::from(SHARDS));

    let audit = audit(&two.stores).await;
    let mut found: BTreeMap<CommandId, usize> = BTreeMap::new();
    for recorded in audit.events.values().flatten() {
        *found.entry(recorded.command).or_default() += 1;
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "I1: number of acknowledged commands"
    );
    assert!(
        found == expected,
        "I1: a command has a wrong number of events"
    );
}
