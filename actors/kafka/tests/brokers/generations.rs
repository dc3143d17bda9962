//! A database that goes backwards behind a bridge: consumers can tell the events that never
//! happened from those that are valid.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fritzy_domain::RecordedEvent;
use fritzy_persistence::{Lost, SqliteConfig, Stores};
use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::kafka::{Consumed, ConsumedMessage, read_all, start_brokers, valid};
use fritzy_types::ShardCount;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::schema::{require_described, schema};
use crate::shop::{KafkaShop, TOPIC_SETTINGS};

const NOTICED_MAX: Duration = Duration::from_secs(20);

async fn open(file: &Path) -> Stores {
    let config = SqliteConfig {
        shards: ShardCount::new(16).expect("in range"),
        ..SqliteConfig::new(file)
    };
    Stores::open_sqlite(config).await.expect("opens")
}

/// For the binding of the topics to be renewed, which a bridge does every three to four seconds.
const RENEWED: Duration = Duration::from_secs(5);

/// Publishes what the shop has, and more orders, for at least this long.
async fn publish(shop: &KafkaShop, orders: usize, at_least: Duration) {
    let running = shop.bridge().await;
    shop.orders(orders).await;
    shop.until_published(&running).await;
    tokio::time::sleep(at_least).await;
    running.stop().await;
}

fn count_of(messages: &[ConsumedMessage], generation: u64) -> usize {
    let of_it = messages
        .iter()
        .filter(|message| !message.is_marker() && message.number("ce_generation") == generation);
    of_it.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_markers_tell_valid_events_from_lost_ones() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let folder = TempDir::new().expect("a folder");
    let (file, backup) = (
        folder.path().join("shop.db"),
        folder.path().join("backup.db"),
    );

    let shop = KafkaShop::on(open(&file).await, &brokers).await;
    shop.topics().apply().await.expect("made");
    publish(&shop, 20, Duration::ZERO).await;
    shop.close().await;
    fs::copy(&file, &backup).expect("copied");
    // Published, acknowledged, and lost: the newest token of the topics is lost with it.
    let shop = KafkaShop::on(open(&file).await, &brokers).await;
    publish(&shop, 20, RENEWED).await;
    let before = shop.journal().await.len();
    fs::rename(&backup, &file).expect("replaced");
    let lost = timeout(NOTICED_MAX, shop.stores.lost()).await;
    assert_eq!(lost.expect("it is noticed"), Lost::History);
    shop.close().await;

    let shop = KafkaShop::on(open(&file).await, &brokers).await;
    let generations = shop.stores.journal.generations().await.expect("reads");
    assert_eq!(generations.current().number, 2);
    publish(&shop, 10, Duration::ZERO).await;
    let journal: Vec<RecordedEvent> = shop.journal().await;
    assert!(journal.len() < before, "events were lost");
    shop.close().await;

    let messages = read_all(&brokers);
    let (described, validator) = schema();
    for marker in messages.iter().filter(|message| message.is_marker()) {
        require_described(&described, &validator, &marker.payload);
    }
    let markers = messages.iter().filter(|message| message.is_marker());
    let partitions = 6 * TOPIC_SETTINGS.partitions as usize;
    assert_eq!(
        markers.count(),
        partitions,
        "one for each partition of each topic"
    );
    assert!(count_of(&messages, 1) > 0 && count_of(&messages, 2) > 0);
    Consumed::new(valid(messages)).require_whole(&journal);
}
