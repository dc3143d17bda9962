//! Brokers that are away, and a library that has no room. What is in the journal comes, in order, when they are back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_kafka::TOPICS;
use fritzy_testbed::{KafkaCluster, blocking, skip_unless};
use fritzy_testbed_shop::kafka::{Consumed, consume_in_java, leaderships, start_brokers};
use tokio::time::sleep;

use crate::shop::{KafkaShop, status};

/// A producer that has stalled is replaced by then.
const STALLED_MAX: Duration = Duration::from_secs(120);

/// Compares what two consumers find with the journal, and tells how often something came again.
#[expect(clippy::print_stdout, reason = "a report of the test")]
pub(crate) async fn require_whole(fault: &str, cluster: &KafkaCluster, shop: &KafkaShop) -> usize {
    let journal = shop.journal().await;
    let consumed = Consumed::all(&cluster.bootstrap());
    consumed.require_whole(&journal);
    let in_java = consume_in_java(cluster);
    in_java.require_whole(&journal);
    let Consumed {
        messages, repeats, ..
    } = consumed;
    assert_eq!((in_java.messages, in_java.repeats), (messages, repeats));
    println!(
        "{fault}: {} events, {messages} messages, {repeats} of them repeats",
        journal.len()
    );
    repeats
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_stopped_for_a_minute_under_load() {
    let mut cluster = skip_unless!(start_brokers(1));
    let shop = Arc::new(KafkaShop::with_topics(&cluster.bootstrap()).await);
    let running = shop.bridge().await;
    let load = shop.load();
    sleep(Duration::from_secs(3)).await;
    blocking(|| cluster.stop(0));
    sleep(Duration::from_secs(60)).await;
    let behind = status(&running).lag_events;
    assert!(
        behind > 1_000,
        "{behind} are behind: it is told while it is away"
    );
    blocking(|| cluster.restart(0));
    sleep(Duration::from_secs(3)).await;
    load.stop().await;
    shop.until_published(&running).await;
    assert_eq!(status(&running).restarts, 0, "nothing was given up");
    running.stop().await;
    require_whole("a broker away for a minute", &cluster, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_paused_and_one_that_is_killed_cost_nothing_but_time() {
    let mut cluster = skip_unless!(start_brokers(1));
    let shop = Arc::new(KafkaShop::with_topics(&cluster.bootstrap()).await);
    let running = shop.bridge().await;
    let load = shop.load();
    sleep(Duration::from_secs(1)).await;
    blocking(|| cluster.pause(0));
    sleep(Duration::from_secs(5)).await;
    blocking(|| cluster.resume(0));
    sleep(Duration::from_secs(1)).await;
    blocking(|| cluster.kill(0));
    sleep(Duration::from_secs(1)).await;
    blocking(|| cluster.restart(0));
    sleep(Duration::from_secs(1)).await;
    load.stop().await;
    shop.until_published(&running).await;
    running.stop().await;
    require_whole("a broker paused, then killed", &cluster, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_of_three_that_are_killed_one_after_another() {
    let mut cluster = skip_unless!(start_brokers(3));
    let shop = Arc::new(KafkaShop::with_topics(&cluster.bootstrap()).await);
    let running = shop.bridge().await;
    let load = shop.load();
    sleep(Duration::from_secs(2)).await;
    for _ in 0..2 {
        let led = leaderships(&cluster.bootstrap(), &TOPICS);
        let leader = (0..3).max_by_key(|index| led[*index]).expect("three");
        assert!(led[leader] > 0, "{led:?}");
        blocking(|| cluster.kill(leader));
        let placed = load.placed();
        let before = status(&running).done;
        sleep(Duration::from_secs(15)).await;
        assert!(load.placed() > placed);
        // The two that are left are enough.
        assert!(
            status(&running).done > before + 100,
            "it goes on without one"
        );
        blocking(|| cluster.restart(leader));
        sleep(Duration::from_secs(8)).await;
    }
    load.stop().await;
    shop.until_published(&running).await;
    running.stop().await;
    require_whole("leaders of three killed", &cluster, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_without_room_is_waited_for_and_nothing_overtakes() {
    let mut cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    // Less than the messages of three orders.
    let shop = Arc::new(shop.set(&[("queue.buffering.max.messages", "17")]));
    let running = shop.bridge().await;
    shop.orders(200).await;
    blocking(|| cluster.pause(0));
    shop.orders(200).await;
    // It looks how much has come every ten seconds.
    sleep(Duration::from_secs(12)).await;
    let behind = status(&running).lag_events;
    assert!(behind > 100, "{behind}");
    blocking(|| cluster.resume(0));
    shop.orders(200).await;
    shop.until_published(&running).await;
    assert_eq!(status(&running).restarts, 0);
    running.stop().await;
    let repeats = require_whole("the library's queue full", &cluster, &shop).await;
    assert_eq!(repeats, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_delivers_nothing_while_brokers_are_well_is_replaced() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    // It keeps what it has for a quarter of an hour.
    let shop = Arc::new(shop.set(&[("linger.ms", "900000")]));
    let running = shop.bridge().await;
    shop.orders(10).await;
    let began = Instant::now();
    while status(&running).restarts == 0 {
        assert!(began.elapsed() < STALLED_MAX, "{:?}", status(&running));
        sleep(Duration::from_secs(1)).await;
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(60), "{took:?}: it may be slow");
    assert_eq!(status(&running).done, 0, "nothing was delivered");
    running.stop().await;
}
