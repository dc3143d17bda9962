//! Messages and batches that a broker rejects as too large. A message stops its shard, and nothing
//! behind it is sent; batches become smaller.

use std::time::Duration;

use fritzy_domain::{Cursor, RecordedEvent};
use tokio::time::sleep;

use crate::brokers::{act, plain, set_topic};
use crate::consumed::Consumed;
use crate::outages::require_whole;
use crate::shop::{KafkaShop, status};

/// The bytes of a batch that a topic accepts.
const LIMIT: &str = "max.message.bytes";

fn stopped(cursors: &[Cursor]) -> Vec<&Cursor> {
    let stopped = cursors.iter().filter(|cursor| cursor.stopped.is_some());
    stopped.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_message_stops_only_its_shard() {
    let test = "too_large_message_stops_only_its_shard";
    let Some(cluster) = plain(test, 1) else {
        return;
    };
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
        panic!("not one stopped shard: {cursors:?}");
    };
    let reason = cursor.stopped.as_deref().unwrap_or_default();
    assert!(reason.contains("too large"), "{reason}");
    let journal = shop.journal().await;
    let rejected = journal
        .iter()
        .find(|event| event.entity.as_uuid().to_string() == long);
    let rejected = rejected.expect("it was placed");
    assert_eq!(
        (rejected.shard, rejected.position),
        (cursor.shard, cursor.position + 1)
    );
    // Nothing behind it was sent.
    let is_out = |event: &&RecordedEvent| {
        event.shard != rejected.shard || event.position < rejected.position
    };
    let expected = journal.iter().filter(is_out);
    let expected = expected.filter(|event| event.event.event_type().starts_with("order."));
    assert_eq!(
        Consumed::all(&brokers).distinct("order.events"),
        expected.count()
    );
    // A restarted node stays stopped there.
    running.stop().await;
    let running = shop.bridge().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&running).stopped_shards, 1);
    // An operator raises the limit, and has the event retried.
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
async fn too_large_batches_shrink_until_accepted() {
    let test = "too_large_batches_shrink_until_accepted";
    let Some(mut cluster) = plain(test, 1) else {
        return;
    };
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::with_topics(&brokers).await;
    let shop = shop.set(&[("compression.type", "none")]);
    for topic in ["order.events", "notifications"] {
        set_topic(&brokers, topic, LIMIT, "5000").await;
    }
    let running = shop.bridge().await;
    shop.orders(5).await;
    shop.until_published(&running).await;
    // So that many messages wait, and are sent together.
    act(|| cluster.pause(0));
    shop.orders(300).await;
    act(|| cluster.resume(0));
    shop.until_published(&running).await;
    assert!(stopped(&shop.cursors().await).is_empty());
    let restarts = status(&running).restarts;
    // Each restart halves them: from 512 KB to 4 KB at the seventh.
    assert!((1..=7).contains(&restarts), "{restarts} restarts");
    running.stop().await;
    require_whole("batches too large", &cluster, &shop).await;
}
