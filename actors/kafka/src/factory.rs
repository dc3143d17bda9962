//! The factory of bridges: the producer's settings, and the check that all topics exist.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Generations, TopicBindings};
use fritzy_projections::{Begin, Projection, ProjectionError, ProjectionStart};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer, ThreadedProducer};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::KafkaBridgeConfig;
use crate::binding::{Binding, BindingError, BindingWatch, WasBound};
use crate::binding_topic::BindingTopic;
use crate::bridge::{BATCH_BYTES, Bridge};
use crate::client::{ClientErrors, FIXED, client_config};
use crate::deliveries::{Delivery, DeliveryContext};
use crate::delivery_watchdog::DeliveryWatchdog;
use crate::destination::Destination;
use crate::partitions::{KnownPartitions, Partitions, partitions, watch};
use crate::topic_names::TopicNames;

/// For the request of the topics.
const METADATA_MAX: Duration = Duration::from_secs(10);

/// Defaults that the properties may override, by either name: name, alias, value.
const DEFAULTS: [(&str, &str, &str); 5] = [
    ("compression.type", "compression.codec", "lz4"),
    // A request carries one partition, and costs the broker and this node more than its content. At
    // 2 000 orders a second, 20 ms put two or three messages into each.
    ("linger.ms", "queue.buffering.max.ms", "20"),
    // 64 MB: long orders reach this limit before the number of messages. While the queue is full,
    // the message that waits is sent before any other.
    ("queue.buffering.max.kbytes", "", "65536"),
    ("queue.buffering.max.messages", "", "20000"),
    ("topic.metadata.propagation.max.ms", "", "10000"),
];

/// The client library has rejected the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Kafka client rejects these settings: {0}")]
pub struct KafkaSettingsError(pub(super) String);

impl From<KafkaError> for KafkaSettingsError {
    fn from(error: KafkaError) -> Self {
        Self(match error {
            // The value may be a secret in the wrong place.
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

/// The factory of bridges: a [`ProjectionStart`].
pub struct KafkaBridge {
    config: KafkaBridgeConfig,
    destination: Destination,
    bindings: Arc<dyn TopicBindings>,
    was_bound: WasBound,
    /// Bytes that one request carries for a partition; less after a broker has rejected a batch.
    batch_bytes: Arc<AtomicUsize>,
    known: KnownPartitions,
}

impl KafkaBridge {
    /// A factory with this configuration, for the database that has these bindings. Nothing is
    /// connected yet.
    pub fn new(config: KafkaBridgeConfig, bindings: Arc<dyn TopicBindings>) -> Self {
        Self {
            destination: Destination::new(&config),
            config,
            bindings,
            was_bound: WasBound::default(),
            batch_bytes: Arc::new(AtomicUsize::new(BATCH_BYTES)),
            known: KnownPartitions::default(),
        }
    }

    /// Checks the properties, some of which the library checks only when a client is created.
    ///
    /// # Errors
    /// When a property has an unknown name or an invalid value, or names a file that does not
    /// exist.
    pub fn check(config: &KafkaBridgeConfig) -> Result<(), KafkaSettingsError> {
        let (sender, _) = mpsc::unbounded_channel();
        let context = DeliveryContext {
            sender,
            errors: ClientErrors::default(),
        };
        let created = producer_config(config, BATCH_BYTES).create_with_context(context);
        let created: Result<ThreadedProducer<_>, _> = created;
        Ok(created.map(drop)?)
    }

    fn producer(
        &self,
        sender: UnboundedSender<Delivery>,
        errors: ClientErrors,
    ) -> Result<ThreadedProducer<DeliveryContext>, KafkaError> {
        let context = DeliveryContext { sender, errors };
        let batch_bytes = self.batch_bytes.load(Ordering::Relaxed);
        producer_config(&self.config, batch_bytes).create_with_context(context)
    }

    /// Binds the topics to the database, and watches that they stay so.
    async fn bind(
        &self,
        errors: ClientErrors,
        generations: &Generations,
    ) -> Result<BindingWatch, ProjectionError> {
        let topic = BindingTopic::new(&self.config, errors);
        let topic = topic.map_err(|failure| ProjectionError::Failed(failure.to_string()))?;
        let bindings = self.bindings.clone();
        let binding = Binding::new(topic, bindings, generations.clone(), self.was_bound.clone());
        match binding.bind().await {
            Ok(()) => Ok(binding.watch()),
            Err(BindingError::Others(reason)) => Err(ProjectionError::Waits(reason)),
            Err(BindingError::Unavailable(reason)) => Err(ProjectionError::Failed(reason)),
        }
    }
}

fn producer_config(config: &KafkaBridgeConfig, batch_bytes: usize) -> ClientConfig {
    let mut client = client_config(config);
    for (name, alias, value) in DEFAULTS {
        let set = &config.properties;
        if !set.contains_key(name) && !set.contains_key(alias) {
            client.set(name, value);
        }
    }
    for (name, value) in FIXED {
        client.set(name, value);
    }
    client.set("batch.size", batch_bytes.to_string());
    client
}

#[async_trait]
impl ProjectionStart for KafkaBridge {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn begin(&self) -> Begin {
        self.config.begin
    }

    async fn start(
        &self,
        generations: &Generations,
    ) -> Result<Box<dyn Projection>, ProjectionError> {
        let (sender, delivered) = mpsc::unbounded_channel();
        let errors = ClientErrors::default();
        let producer = self.producer(sender, errors.clone());
        let producer = producer.map_err(|error| ProjectionError::Failed(error.to_string()))?;
        let (names, last_errors) = (self.destination.names.clone(), errors.clone());
        let checking = tokio::task::spawn_blocking(move || {
            let checked = check_topics(&producer, &last_errors, &names);
            (producer, checked)
        });
        let (producer, checked) = checking
            .await
            .map_err(|error| ProjectionError::Failed(error.to_string()))?;
        let partitions = checked?;
        self.known
            .compare(partitions.clone(), &self.destination.names);
        let producer = Arc::new(producer);
        let names = self.destination.names.clone();
        let watching = watch(producer.clone(), self.known.clone(), names);
        let watching = AbortOnDropHandle::new(tokio::spawn(watching));
        let binding = self.bind(errors, generations).await?;
        info!(brokers = self.config.brokers, "publishing to Kafka");
        let watchdog = DeliveryWatchdog::new(client_config(&self.config));
        let mut bridge = Bridge::new(
            producer,
            self.destination.clone(),
            watching,
            binding,
            delivered,
            self.batch_bytes.clone(),
            watchdog,
        );
        let generation = generations.current();
        if generation.number > 1 {
            bridge.announce(generation, &partitions)?;
        }
        Ok(Box::new(bridge))
    }
}

/// Returns the partitions of the topics. Fails if a topic is missing: a message to it would wait,
/// and block its shard.
fn check_topics(
    producer: &ThreadedProducer<DeliveryContext>,
    errors: &ClientErrors,
    names: &TopicNames,
) -> Result<Partitions, ProjectionError> {
    let found = producer.client().fetch_metadata(None, METADATA_MAX);
    let found = found.map_err(|error| errors.no_response(&error));
    let found = found.map_err(ProjectionError::Failed)?;
    let there: HashSet<&str> = found.topics().iter().map(|topic| topic.name()).collect();
    let missing: Vec<&str> = names
        .all()
        .map(|(_, full)| full)
        .filter(|full| !there.contains(full))
        .collect();
    if missing.is_empty() {
        return Ok(partitions(&found, names));
    }
    let missing = missing.join(", ");
    Err(ProjectionError::Failed(format!(
        "topics are missing: {missing}; create them with `fritzy topics apply`"
    )))
}
