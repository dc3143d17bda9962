//! What a broker refuses as too large: one message stops its shard, and nothing behind it goes out; batches become smaller.

use std::time::Duration;

use fritzy_domain::{Cursor, RecordedEvent};
use fritzy_testbed::{blocking, skip_unless};
use fritzy_testbed_shop::kafka::{Consumed, set_topic, start_brokers};
use tokio::time::sleep;

use crate::outages::require_whole;
use crate::shop::{KafkaShop, status};

/// Bytes a topic takes at once.
const LIMIT: &str = "max.message.bytes";

fn stopped(cursors: &[Cursor]) -> Vec<&Cursor> {
    let stopped = cursors.iter().filter(|cursor| cursor.stopped.is_some());
    stopped.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_stops_its_shard_before_it_and_no_other() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::with_topics(&brokers).await;
    let shop = shop.set(&[("compression.type", "none")]);
    set_topic(&brokers, "order.events", LIMIT, "3000").await;
    shop.orders(50).await;
    // Some 5 KB.
    let long = shop.long_order(&shop.accounts[0], 50).await;
    shop.orders(50).await;
    let running = shop.bridge().await;
    shop.until_published(&running).await;
    let cursors = shop.cursors().await;
    let [cursor] = stopped(&cursors)[..] else {
        panic!("one shard is stopped: {cursors:?}");
    };
    let reason = cursor.stopped.as_deref().unwrap_or_default();
    assert!(reason.contains("too large"), "{reason}");
    let journal = shop.journal().await;
    let refused = journal
        .iter()
        .find(|event| event.entity.as_uuid().to_string() == long);
    let refused = refused.expect("it was placed");
    assert_eq!(
        (refused.shard, refused.position),
        (cursor.shard, cursor.position + 1)
    );
    // Nothing behind it has gone out.
    let is_out =
        |event: &&RecordedEvent| event.shard != refused.shard || event.position < refused.position;
    let expected = journal.iter().filter(is_out);
    let expected = expected.filter(|event| event.event.event_type().starts_with("order."));
    assert_eq!(
        Consumed::all(&brokers).distinct("order.events"),
        expected.count()
    );
    // A node that is started anew is stopped there as well.
    running.stop().await;
    let running = shop.bridge().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&running).stopped_shards, 1);
    // Whoever looks after it lets it through, and has it tried again.
    set_topic(&brokers, "order.events", LIMIT, "1048588").await;
    let again = shop
        .stores
        .cursors
        .set_cursor("kafka", cursor.shard, cursor.position);
    again.await.expect("set");
    let resumed = || async { stopped(&shop.cursors().await).is_empty() };
    while !resumed().await {
        sleep(Duration::from_millis(100)).await;
    }
    shop.until_published(&running).await;
    running.stop().await;
    require_whole("a message too large", &cluster, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_too_large_become_smaller_until_they_are_taken() {
    let mut cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::with_topics(&brokers).await;
    let shop = shop.set(&[("compression.type", "none")]);
    for topic in ["order.events", "notifications"] {
        set_topic(&brokers, topic, LIMIT, "5000").await;
    }
    let running = shop.bridge().await;
    shop.orders(5).await;
    shop.until_published(&running).await;
    // So that much waits, and goes out together.
    blocking(|| cluster.pause(0));
    shop.orders(300).await;
    blocking(|| cluster.resume(0));
    shop.until_published(&running).await;
    assert!(stopped(&shop.cursors().await).is_empty());
    let restarts = status(&running).restarts;
    // Each break makes them half as large: 4 KB of 512 at the seventh.
    assert!((1..=7).contains(&restarts), "{restarts} times");
    running.stop().await;
    require_whole("batches too large", &cluster, &shop).await;
}
