//! Brokers that are down, and a full queue of the library. All events arrive in order after
//! recovery.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_kafka::TOPICS;
use fritzy_testbed::{KafkaCluster, blocking, skip_unless};
use fritzy_testbed_shop::kafka::{Consumed, consume_in_java, leaderships, start_brokers};
use tokio::time::sleep;

use crate::shop::{KafkaShop, status};

/// A stalled producer is replaced by then.
const STALLED_MAX: Duration = Duration::from_secs(120);

/// Compares what two consumers receive with the journal, and returns the number of repeats.
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
async fn i6_broker_stopped_for_a_minute_loses_no_events() {
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
        "lag {behind}: it is published during the outage"
    );
    blocking(|| cluster.restart(0));
    sleep(Duration::from_secs(3)).await;
    load.stop().await;
    shop.until_published(&running).await;
    assert_eq!(status(&running).restarts, 0, "no restart");
    running.stop().await;
    require_whole("a broker down for a minute", &cluster, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_broker_paused_then_killed_loses_no_events() {
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
async fn i6_leaders_of_three_killed_in_turn_lose_no_events() {
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
        let before = status(&running).confirmed;
        sleep(Duration::from_secs(15)).await;
        assert!(load.placed() > placed);
        // The two remaining brokers are enough.
        assert!(
            status(&running).confirmed > before + 100,
            "it continues without one"
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
async fn i6_full_producer_queue_keeps_the_order() {
    let mut cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    // Fewer than the messages of three orders.
    let shop = Arc::new(shop.set(&[("queue.buffering.max.messages", "17")]));
    let running = shop.bridge().await;
    shop.orders(200).await;
    // A bridge that does not reach a broker at its start counts as restarted.
    shop.until_published(&running).await;
    shop.orders(50).await;
    blocking(|| cluster.pause(0));
    shop.orders(200).await;
    // Heads are read every ten seconds.
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
async fn stalled_producer_is_replaced_while_brokers_are_healthy() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    // The producer keeps its messages for a quarter of an hour.
    let shop = Arc::new(shop.set(&[("linger.ms", "900000")]));
    let running = shop.bridge().await;
    shop.orders(10).await;
    let began = Instant::now();
    while status(&running).restarts == 0 {
        assert!(began.elapsed() < STALLED_MAX, "{:?}", status(&running));
        sleep(Duration::from_secs(1)).await;
    }
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(60),
        "{took:?}: too early, it might only be slow"
    );
    assert_eq!(status(&running).confirmed, 0, "nothing was delivered");
    running.stop().await;
}
