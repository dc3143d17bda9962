//! Brokers of a test, and changes to their topics that the product does not make.

use std::time::Duration;

use fritzy_testbed::{KafkaCluster, KafkaConfig, ServiceError};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

/// Starts this many brokers of default settings, for
/// [`skip_unless!`](fritzy_testbed::skip_unless). Call it on a runtime of several threads.
///
/// # Errors
/// As [`KafkaCluster::start`].
pub fn start_brokers(count: usize) -> Result<KafkaCluster, ServiceError> {
    let config = KafkaConfig {
        brokers: count,
        ..KafkaConfig::default()
    };
    tokio::task::block_in_place(|| KafkaCluster::start(&config))
}

/// The configuration of a client of these brokers.
#[must_use]
pub fn client_config(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    client
}

/// Sets one setting of a topic, and resets all others.
///
/// # Panics
/// When the brokers refuse it.
pub async fn set_topic(brokers: &str, topic: &str, name: &str, value: &str) {
    let admin: AdminClient<DefaultClientContext> =
        client_config(brokers).create().expect("a client");
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(30)));
    let set = admin.alter_configs([&config], &options).await;
    for set in set.expect("a response") {
        set.expect("the setting is accepted");
    }
}

/// How many partitions of `topics` each broker leads; broker ids count from 1.
///
/// # Panics
/// When the brokers cannot be reached, or a partition has no leader.
#[must_use]
pub fn leaderships(brokers: &str, topics: &[&str]) -> Vec<usize> {
    let producer: BaseProducer = client_config(brokers).create().expect("a client");
    let limit = Duration::from_secs(30);
    let metadata = producer.client().fetch_metadata(None, limit);
    let metadata = metadata.expect("metadata");
    let mut led = vec![0; metadata.brokers().len()];
    let ours = metadata.topics().iter();
    for topic in ours.filter(|topic| topics.contains(&topic.name())) {
        for partition in topic.partitions() {
            let leader = usize::try_from(partition.leader()).expect("a leader");
            led[leader - 1] += 1;
        }
    }
    led
}
