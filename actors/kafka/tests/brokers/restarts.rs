//! Bridges that end abruptly: killed, panicking, or with a fatal error of their producer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::Generations;
use fritzy_kafka::{BINDING_TOPIC, KafkaBridge, TOPICS};
use fritzy_projections::{
    Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart,
};
use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::kafka::{Consumed, start_brokers};
use fritzy_types::ShardId;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::outages::require_whole;
use crate::shop::{KafkaShop, TOPIC_SETTINGS, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_killed_bridge_repeats_and_loses_no_events() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    for _ in 0..4 {
        let running = shop.bridge().await;
        shop.orders(200).await;
        // Like a crash: cursors are not saved, and nothing is awaited.
        running.kill();
    }
    let running = shop.bridge().await;
    shop.until_published(&running).await;
    running.stop().await;
    let repeats = require_whole("killed bridges", &cluster, &shop).await;
    assert!(repeats > 0, "events behind unsaved cursors are repeated");
}

/// Starts real bridges, each of which panics after so many events.
struct Panicking {
    bridges: KafkaBridge,
    events: i64,
    times: AtomicI64,
}

struct PanicIn {
    bridge: Box<dyn Projection>,
    events: i64,
}

#[async_trait]
impl ProjectionStart for Panicking {
    fn name(&self) -> &'static str {
        self.bridges.name()
    }

    fn begin(&self) -> Begin {
        self.bridges.begin()
    }

    async fn start(
        &self,
        generations: &Generations,
    ) -> Result<Box<dyn Projection>, ProjectionError> {
        let bridge = self.bridges.start(generations).await?;
        let last = self.times.fetch_sub(1, SeqCst) <= 0;
        let events = if last { i64::MAX } else { self.events };
        Ok(Box::new(PanicIn { bridge, events }))
    }
}

#[async_trait]
impl Projection for PanicIn {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        self.events -= 1;
        assert!(self.events > 0, "requested by the test");
        self.bridge.take(event).await
    }

    async fn next_ack(&mut self) -> Result<Ack, ProjectionError> {
        self.bridge.next_ack().await
    }

    fn forget(&mut self, shard: ShardId) {
        self.bridge.forget(shard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_panicking_bridge_restarts_from_its_cursors() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    let panicking = Panicking {
        bridges: shop.start(),
        events: 700,
        times: AtomicI64::new(3),
    };
    let running = shop.project(Arc::new(panicking)).await;
    shop.orders(1_000).await;
    shop.until_published(&running).await;
    assert_eq!(status(&running).restarts, 3);
    running.stop().await;
    require_whole("a panicking bridge", &cluster, &shop).await;
}

fn partitions_of(topic: &str) -> i32 {
    if topic == BINDING_TOPIC {
        1
    } else {
        TOPIC_SETTINGS.partitions
    }
}

/// No real broker causes a fatal error on demand. The library's mock broker does, over a real
/// socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_fatal_producer_error_restarts_from_the_cursors() {
    let kafka = MockCluster::new(1).expect("a broker");
    for topic in TOPICS.into_iter().chain([BINDING_TOPIC]) {
        let made = kafka.create_topic(topic, partitions_of(topic), 1);
        made.expect("made");
    }
    let shop = KafkaShop::new(&kafka.bootstrap_servers()).await;
    let running = shop.bridge().await;
    shop.orders(50).await;
    shop.until_published(&running).await;
    let fatal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    kafka.request_errors(RDKafkaApiKey::Produce, &[fatal; 2]);
    shop.orders(50).await;
    shop.until_published(&running).await;
    let restarts = status(&running).restarts;
    assert!(restarts > 0, "the error was fatal");
    // An idle producer would notice an error with the next event only.
    tokio::time::sleep(Duration::from_secs(2)).await;
    shop.orders(10).await;
    shop.until_published(&running).await;
    assert_eq!(status(&running).restarts, restarts);
    running.stop().await;
    Consumed::all(&kafka.bootstrap_servers()).require_whole(&shop.journal().await);
}
