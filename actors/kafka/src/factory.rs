//! How bridges are started: the producer's settings, and whether the topics are there.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_projections::{Begin, Projection, ProjectionError, ProjectionStart};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer, ThreadedProducer};
use tokio::sync::mpsc::{self, UnboundedSender};
use tracing::info;

use crate::KafkaBridgeConfig;
use crate::bridge::{BATCH_BYTES, Bridge};
use crate::client::{Complaints, FIXED, client_config};
use crate::deliveries::{Deliveries, Delivery};
use crate::delivery_watchdog::Stall;
use crate::messages::TOPICS;

/// Asking for topics at most.
const METADATA_MAX: Duration = Duration::from_secs(10);

/// What may be overruled, by either of its names.
const DEFAULTS: [(&str, &str, &str); 5] = [
    ("compression.type", "compression.codec", "lz4"),
    // A request carries one partition, and costs the broker and us more than what is in it. At 2 000 orders a second, 20 ms put
    // two or three messages into each.
    ("linger.ms", "queue.buffering.max.ms", "20"),
    // 64 MB: long orders fill the memory before their number does. When it is full, what waits is sent before anything else.
    ("queue.buffering.max.kbytes", "", "65536"),
    ("queue.buffering.max.messages", "", "20000"),
    ("topic.metadata.propagation.max.ms", "", "10000"),
];

/// Settings that the client library refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kafka's client cannot be made of these settings: {0}")]
pub struct KafkaSettingsError(pub(super) String);

impl From<KafkaError> for KafkaSettingsError {
    fn from(failure: KafkaError) -> Self {
        Self(match failure {
            // The value may be a secret that stands in the wrong place.
            KafkaError::ClientConfig(_, why, name, value) if value.is_empty() => {
                format!("{name}: {why}")
            }
            KafkaError::ClientConfig(_, why, name, value) => {
                format!("{name}: {}", why.replace(&value, "…"))
            }
            KafkaError::ClientCreation(why) => why,
            other => other.to_string(),
        })
    }
}

/// Starts bridges.
pub struct KafkaBridge {
    config: KafkaBridgeConfig,
    /// How much one request carries for a partition; less, once a broker has refused that.
    batch_bytes: Arc<AtomicUsize>,
}

impl KafkaBridge {
    /// A bridge by this configuration. Nothing is connected yet.
    ///
    /// # Errors
    /// [`KafkaSettingsError`], for an unknown name, a value that means nothing, a file that is not there.
    pub fn new(config: KafkaBridgeConfig) -> Result<Self, KafkaSettingsError> {
        let batch_bytes = Arc::new(AtomicUsize::new(BATCH_BYTES));
        let bridge = Self {
            config,
            batch_bytes,
        };
        // Some of it is found out only by making one.
        let (tell, _) = mpsc::unbounded_channel();
        drop(bridge.producer(tell, Complaints::default())?);
        Ok(bridge)
    }

    fn producer(
        &self,
        tell: UnboundedSender<Delivery>,
        complaints: Complaints,
    ) -> Result<ThreadedProducer<Deliveries>, KafkaError> {
        let deliveries = Deliveries { tell, complaints };
        self.client().create_with_context(deliveries)
    }

    fn client(&self) -> ClientConfig {
        let mut client = client_config(&self.config);
        for (name, alias, value) in DEFAULTS {
            let set = &self.config.properties;
            if !set.contains_key(name) && !set.contains_key(alias) {
                client.set(name, value);
            }
        }
        for (name, value) in FIXED {
            client.set(name, value);
        }
        let batch_bytes = self.batch_bytes.load(Ordering::Relaxed);
        client.set("batch.size", batch_bytes.to_string());
        client
    }
}

#[async_trait]
impl ProjectionStart for KafkaBridge {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn begin(&self) -> Begin {
        self.config.begin
    }

    async fn start(&self) -> Result<Box<dyn Projection>, ProjectionError> {
        let (tell, delivered) = mpsc::unbounded_channel();
        let complaints = Complaints::default();
        let producer = self.producer(tell, complaints.clone());
        let producer = producer.map_err(|failure| ProjectionError(failure.to_string()))?;
        let asking = tokio::task::spawn_blocking(move || {
            let missing = missing_topics(&producer, &complaints);
            (producer, missing)
        });
        let (producer, missing) = asking
            .await
            .map_err(|failure| ProjectionError(failure.to_string()))?;
        missing?;
        info!(brokers = self.config.brokers, "publishing to Kafka");
        let stall = Stall::new(client_config(&self.config));
        let bridge = Bridge::new(producer, delivered, self.batch_bytes.clone(), stall);
        Ok(Box::new(bridge))
    }
}

/// A message to a topic that is not there would wait, and its shard with it.
fn missing_topics(
    producer: &ThreadedProducer<Deliveries>,
    complaints: &Complaints,
) -> Result<(), ProjectionError> {
    let found = producer.client().fetch_metadata(None, METADATA_MAX);
    let found = found.map_err(|failure| complaints.no_answer(&failure));
    let found = found.map_err(ProjectionError)?;
    let found: HashSet<&str> = found.topics().iter().map(|topic| topic.name()).collect();
    let missing: Vec<&str> = TOPICS
        .into_iter()
        .filter(|topic| !found.contains(topic))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(ProjectionError(format!(
        "there is no topic {missing}: make them with `fritzy topics apply`"
    )))
}
