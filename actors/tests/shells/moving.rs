//! Shards that are stopped or abandoned, and nodes whose lease has lapsed (I3).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fritzy_actors::{Shop, ShopConfig, ShopError, Target};
use fritzy_domain::{Account, AccountCommand, Code, OrderCommand, ProductCommand};
use fritzy_types::Failure;
use tokio::time::{Instant, sleep};

use crate::fixtures::{deadline, keyed, product_input, unkeyed};
use crate::two_nodes::TwoNodes;

fn rename(name: &str) -> AccountCommand {
    AccountCommand::Rename { name: name.into() }
}

async fn account(shop: &Shop) -> Account {
    let created = shop.create_account(&unkeyed(), "John Doe".into()).await;
    created.expect("created").state
}

/// The reason of a refusal that must guarantee that nothing was written.
fn unavailable<T: std::fmt::Debug>(result: Result<T, ShopError>) -> String {
    match result {
        Err(ShopError::Failed(Failure::Unavailable(reason))) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn assert_lapsed<T: std::fmt::Debug>(result: Result<T, ShopError>) {
    let reason = unavailable(result);
    assert!(reason.contains("lapsed"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn stopping_shard_finishes_accepted_requests_only() {
    // The limit of one entity makes the other stop, and its later requests wait for its successor.
    let config = ShopConfig {
        entities_max: 1,
        ..ShopConfig::default()
    };
    let two = TwoNodes::new(1, config).await;
    let shop = two.nodes[0].shop.clone();
    let (first, second) = (account(&shop).await, account(&shop).await);
    two.faults.outcome_delay_ms.store(1_000, Ordering::SeqCst);
    let mut accepted = Vec::new();
    for (account, name) in [(&first, "a"), (&second, "b"), (&first, "c"), (&first, "d")] {
        let (shop, id) = (shop.clone(), account.id.to_string());
        accepted.push(tokio::spawn(async move {
            let request = unkeyed();
            shop.command_account(&request, &id, rename(name)).await
        }));
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..3 {
        let shop = shop.clone();
        accepted.push(tokio::spawn(async move {
            shop.create_account(&unkeyed(), "Jane".into()).await
        }));
    }
    sleep(Duration::from_millis(1)).await;

    let began = Instant::now();
    let shards = two.shards();
    let stopping = {
        let shop = shop.clone();
        tokio::spawn(async move { shop.stop_shards(&shards).await })
    };
    sleep(Duration::from_millis(1)).await;
    assert!(!stopping.is_finished());
    assert_eq!(shop.shards_running(), 0);
    let id = first.id.to_string();
    let late = shop.command_account(&unkeyed(), &id, rename("e")).await;
    assert!(unavailable(late).contains("not running"));
    stopping.await.expect("stopped");
    let took = began.elapsed();
    // The three commands of the first account run one after the other.
    assert!(took > Duration::from_millis(2_900), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    for accepted in accepted {
        assert!(accepted.is_finished(), "stopping did not wait for it");
        accepted
            .await
            .expect("no panic")
            .expect("accepted requests succeed");
    }
    assert_eq!(shop.actor_counts().resident, 0);

    two.faults.outcome_delay_ms.store(0, Ordering::SeqCst);
    two.claim(1, &two.shards()).await;
    let seen = two.nodes[1].shop.account(&id, deadline()).await;
    let seen = seen.expect("read on the other node");
    assert_eq!((seen.version, &*seen.state.personal.name), (4, "d"));
    // Moved back: the previous owner reloads the account.
    two.nodes[1].shop.stop_shards(&two.shards()).await;
    two.claim(0, &two.shards()).await;
    let renamed = shop.command_account(&unkeyed(), &id, rename("f")).await;
    assert_eq!(renamed.expect("renamed").version, 5);
}

#[tokio::test(start_paused = true)]
async fn stopping_shard_awaits_creations_in_flight() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    two.faults.outcome_delay_ms.store(2_000, Ordering::SeqCst);
    let creating = {
        let shop = shop.clone();
        tokio::spawn(async move { shop.create_account(&unkeyed(), "Jane".into()).await })
    };
    sleep(Duration::from_millis(1)).await;
    shop.stop_shards(&two.shards()).await;
    assert!(creating.is_finished(), "stopping did not wait for it");
    creating.await.expect("no panic").expect("created");
}

#[tokio::test(start_paused = true)]
async fn stopping_shard_awaits_appends_of_dead_actors() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let id = account(&shop).await.id.to_string();
    two.faults.hold_append.store(true, Ordering::SeqCst);
    two.faults.panic_after_append.store(true, Ordering::SeqCst);
    let lost = shop.command_account(&unkeyed(), &id, rename("a")).await;
    assert_eq!(lost, Err(ShopError::Failed(Failure::Internal)));
    let shards = two.shards();
    let stopping = tokio::spawn(async move { shop.stop_shards(&shards).await });
    sleep(Duration::from_secs(5)).await;
    assert!(
        !stopping.is_finished(),
        "stopped with an append in the queue"
    );
    two.faults.gate.notify_one();
    stopping.await.expect("stopped");
    two.claim(1, &two.shards()).await;
    let seen = two.nodes[1].shop.account(&id, deadline()).await;
    assert_eq!(seen.expect("exists").version, 2);
}

#[tokio::test(start_paused = true)]
async fn i3_killed_shard_cannot_write_later() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let id = account(&shop).await.id.to_string();
    two.faults.hold_append.store(true, Ordering::SeqCst);
    let stuck = {
        let (shop, id) = (shop.clone(), id.clone());
        tokio::spawn(async move {
            let request = unkeyed();
            shop.command_account(&request, &id, rename("a")).await
        })
    };
    sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    shop.stop_shards(&two.shards()).await;
    let took = began.elapsed().as_secs();
    assert!((10..12).contains(&took), "{took} s");
    let outcome = stuck.await.expect("no panic");
    assert!(
        matches!(outcome, Err(ShopError::Failed(Failure::OutcomeUnknown(_)))),
        "{outcome:?}"
    );
    two.claim(1, &two.shards()).await;
    two.faults.gate.notify_one();
    sleep(Duration::from_secs(1)).await;
    let other = &two.nodes[1].shop;
    let renamed = other.command_account(&unkeyed(), &id, rename("b")).await;
    assert_eq!(renamed.expect("renamed").version, 2);
}

#[tokio::test(start_paused = true)]
async fn i3_abandoned_shard_reports_each_request_outcome() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let id = account(&shop).await.id.to_string();
    two.faults.outcome_delay_ms.store(200, Ordering::SeqCst);
    let mut requests = Vec::new();
    for name in ["committed before", "queued behind"] {
        let (shop, id) = (shop.clone(), id.clone());
        requests.push(tokio::spawn(async move {
            let request = unkeyed();
            shop.command_account(&request, &id, rename(name)).await
        }));
        sleep(Duration::from_millis(1)).await;
    }
    let reading = {
        let (shop, id) = (shop.clone(), id.clone());
        tokio::spawn(async move { shop.account(&id, deadline()).await })
    };
    sleep(Duration::from_millis(1)).await;
    two.claim(1, &two.shards()).await;
    two.nodes[0].lease.end();
    shop.abandon().await;
    let [written, behind] = requests.try_into().expect("two");
    let written = written.await.expect("no panic");
    assert_eq!(written.expect("proven by its commit").version, 2);
    let fenced = Err(ShopError::Failed(Failure::NotOwner));
    assert_eq!(behind.await.expect("no panic"), fenced);
    assert_lapsed(reading.await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn abandoned_shard_fails_stuck_requests_promptly() {
    let two = TwoNodes::new(2, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let (written, read) = (account(&shop).await, account(&shop).await);
    let rename_account = |shop: Arc<Shop>, id: String| async move {
        let request = unkeyed();
        shop.command_account(&request, &id, rename("a")).await
    };
    two.faults.hold_append.store(true, Ordering::SeqCst);
    let writing = tokio::spawn(rename_account(shop.clone(), written.id.to_string()));
    sleep(Duration::from_millis(1)).await;
    two.faults.load_ms.store(5_000, Ordering::SeqCst);
    let reading = {
        let (shop, id) = (shop.clone(), read.id.to_string());
        tokio::spawn(async move { shop.account(&id, deadline()).await })
    };
    sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    shop.abandon().await;
    assert_eq!(shop.shards_running(), 0);
    let outcome = writing.await.expect("no panic");
    assert!(
        matches!(outcome, Err(ShopError::Failed(Failure::OutcomeUnknown(_)))),
        "{outcome:?}"
    );
    unavailable(reading.await.expect("no panic"));
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "the requests failed late"
    );
    unavailable(rename_account(shop.clone(), read.id.to_string()).await);
    let counts = shop.actor_counts();
    assert_eq!((counts.resident, counts.shards_restarted), (0, 0));

    // Entities of restarted shards are reloaded.
    two.faults.load_ms.store(0, Ordering::SeqCst);
    two.claim(0, &two.shards()).await;
    two.faults.gate.notify_one();
    let renamed = rename_account(shop.clone(), written.id.to_string()).await;
    assert_eq!(renamed.expect("renamed").version, 2);
}

#[tokio::test]
async fn i3_lapsed_lease_allows_only_commit_proven_responses() {
    let two = TwoNodes::new(4, ShopConfig::default()).await;
    let (shop, lease) = (two.nodes[0].shop.clone(), &two.nodes[0].lease);
    let known = account(&shop).await.id.to_string();
    let closed = account(&shop).await.id.to_string();
    let close = AccountCommand::Close;
    shop.command_account(&unkeyed(), &closed, close)
        .await
        .expect("closed");
    let request = keyed("renameAccount", "k", "a");
    shop.command_account(&request, &known, rename("a"))
        .await
        .expect("renamed");
    lease.end();

    assert_lapsed(shop.account(&known, deadline()).await);
    let unknown = uuid::Uuid::now_v7().to_string();
    assert_lapsed(shop.account(&unknown, deadline()).await);
    assert_lapsed(shop.command_account(&unkeyed(), &closed, rename("b")).await);
    let at_7 = Target {
        id: &known,
        expected_version: Some(7),
    };
    assert_lapsed(shop.command_account(&unkeyed(), at_7, rename("b")).await);
    assert_lapsed(shop.command_account(&request, &known, rename("a")).await);
    let reused = keyed("renameAccount", "k", "other");
    assert_lapsed(shop.command_account(&reused, &known, rename("o")).await);
    assert_lapsed(
        shop.command_order(&unkeyed(), &unknown, OrderCommand::Confirm)
            .await,
    );

    let renamed = shop.command_account(&unkeyed(), &known, rename("c")).await;
    assert_eq!(renamed.expect("proven by its commit").version, 3);
    account(&shop).await;
    let refused = shop
        .create_product(&unkeyed(), product_input("-1", "USD"))
        .await;
    let refused = refused.expect_err("invalid on every node");
    assert_ne!(refused.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn i3_lease_is_checked_after_state_was_read() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let id = account(&shop).await.id.to_string();
    two.faults.load_ms.store(1_000, Ordering::SeqCst);
    let reading = tokio::spawn(async move { shop.account(&id, deadline()).await });
    sleep(Duration::from_millis(500)).await;
    two.nodes[0].lease.end();
    assert_lapsed(reading.await.expect("no panic"));
}

#[tokio::test]
async fn i3_deposed_owner_reports_not_owner() {
    let two = TwoNodes::new(1, ShopConfig::default()).await;
    let shop = two.nodes[0].shop.clone();
    let id = account(&shop).await.id.to_string();
    let product = shop
        .create_product(&unkeyed(), product_input("5", "USD"))
        .await;
    let product = product.expect("created").state.id.to_string();
    let other = two.nodes[1].id;
    let claimed = two.stores.ownership.claim(other, &two.shards()).await;
    assert_eq!(claimed.expect("claimed").len(), 1);
    let deposed = Err(ShopError::Failed(Failure::NotOwner));
    let renamed = shop.command_account(&unkeyed(), &id, rename("a")).await;
    assert_eq!(renamed, deposed);
    let created = shop.create_account(&unkeyed(), "Jane".into()).await;
    assert_eq!(created, deposed);
    let withdrawn = shop
        .command_product(&unkeyed(), &product, ProductCommand::Withdraw)
        .await;
    assert_eq!(withdrawn.expect_err("deposed").code(), Code::Unavailable);
    // The entity is reloaded at its next use, as after a conflict.
    assert_eq!(
        shop.account(&id, deadline()).await.expect("read").version,
        1
    );
}
