//! The bridge on real brokers: every event of the journal is on Kafka, and first occurrences are in
//! order (invariant I6), whatever fails on brokers and bridges.

mod brokers;
mod console;
mod consumed;
mod outages;
mod rejections;
mod restarts;
mod schema;
mod secure;
mod shop;
mod topics;

use brokers::plain;
use consumed::Consumed;
use shop::KafkaShop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_events_are_published_once_in_order_on_every_topic() {
    let test = "i6_events_are_published_once_in_order_on_every_topic";
    let Some(cluster) = plain(test, 1) else {
        return;
    };
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    shop.orders(50).await;
    let running = shop.bridge().await;
    shop.orders(50).await;
    shop.until_published(&running).await;
    running.stop().await;
    // The next bridge continues behind what was acknowledged.
    let running = shop.bridge().await;
    shop.orders(20).await;
    shop.until_published(&running).await;
    running.stop().await;
    let journal = shop.journal().await;
    for consumed in [
        Consumed::all(&cluster.bootstrap()),
        console::consume_in_java(&cluster),
    ] {
        consumed.require_whole(&journal);
        assert_eq!(consumed.repeats, 0);
    }
}
