//! Brokers of a test, and what is done to their topics behind the product's back.

use std::time::Duration;

use fritzy_testbed::{KafkaCluster, KafkaConfig, ServiceError, skipped};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

/// `None` where this machine has no Kafka; then the test is counted as skipped.
pub(crate) fn brokers(test: &str, config: &KafkaConfig) -> Option<KafkaCluster> {
    match tokio::task::block_in_place(|| KafkaCluster::start(config)) {
        Ok(cluster) => Some(cluster),
        Err(missing @ ServiceError::Missing { .. }) => {
            skipped(test, &missing.to_string());
            None
        }
        Err(failure) => panic!("{failure}"),
    }
}

/// So many of them, as they come.
pub(crate) fn plain(test: &str, brokers_wanted: usize) -> Option<KafkaCluster> {
    let config = KafkaConfig {
        brokers: brokers_wanted,
        ..KafkaConfig::default()
    };
    brokers(test, &config)
}

/// Does something to brokers, which takes a while.
pub(crate) fn act<T>(act: impl FnOnce() -> Result<T, ServiceError>) -> T {
    tokio::task::block_in_place(act).expect("done")
}

pub(crate) fn client(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    client
}

/// Sets something of a topic; what was set before is gone.
pub(crate) async fn set_topic(brokers: &str, topic: &str, name: &str, value: &str) {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().expect("a client");
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(30)));
    let set = admin.alter_configs([&config], &options).await;
    for set in set.expect("asked") {
        set.expect("set");
    }
}

/// How many partitions of the topics each broker leads; ids count from 1.
pub(crate) fn leaderships(brokers: &str, topics: &[&str]) -> Vec<usize> {
    let producer: BaseProducer = client(brokers).create().expect("a client");
    let limit = Duration::from_secs(30);
    let metadata = producer.client().fetch_metadata(None, limit);
    let metadata = metadata.expect("metadata");
    let mut led = vec![0; metadata.brokers().len()];
    let ours = metadata.topics().iter();
    for topic in ours.filter(|topic| topics.contains(&topic.name())) {
        for partition in topic.partitions() {
            let leader = usize::try_from(partition.leader()).expect("there is one");
            led[leader - 1] += 1;
        }
    }
    led
}
