//! The bridge on real brokers: every event of the journal is on Kafka, and first occurrences are in
//! order (invariant I6), whatever fails on brokers and bridges.

mod binding;
mod generations;
mod outages;
mod rejections;
mod restarts;
mod schema;
mod secure;
mod shop;
mod topics;

use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::kafka::{Consumed, consume_in_java, start_brokers};
use shop::KafkaShop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_events_are_published_once_in_order_on_every_topic() {
    let cluster = skip_unless!(start_brokers(1));
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
        consume_in_java(&cluster),
    ] {
        consumed.require_whole(&journal);
        assert_eq!(consumed.repeats, 0);
    }
}
