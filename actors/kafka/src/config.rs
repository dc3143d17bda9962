//! The configuration of the bridge.

use std::collections::BTreeMap;

use fritzy_projections::Begin;

use crate::messages::DEFAULT_SOURCE;

/// How to reach Kafka, and where to begin.
#[derive(Clone)]
pub struct KafkaBridgeConfig {
    /// Addresses of brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// Settings of the client library by name, such as `security.protocol` and `sasl.username`, as
    /// [`kafka_properties`](crate::kafka_properties) parses them. They override the defaults,
    /// except for the settings that order and durability depend on.
    pub properties: BTreeMap<String, String>,
    /// Where the bridge begins if it has no cursor yet.
    pub begin: Begin,
    /// What the names of all topics begin with, as
    /// [`check_topic_prefix`](crate::check_topic_prefix) accepts it. Databases with different
    /// prefixes share brokers, not topics.
    pub topic_prefix: String,
    /// The CloudEvents attribute `source` of every message.
    pub source: String,
}

impl KafkaBridgeConfig {
    /// The defaults with these brokers.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            properties: BTreeMap::new(),
            begin: Begin::Start,
            topic_prefix: String::new(),
            source: DEFAULT_SOURCE.to_owned(),
        }
    }
}
