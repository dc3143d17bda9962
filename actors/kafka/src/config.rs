//! The configuration of the bridge.

use std::collections::BTreeMap;

use fritzy_projections::Begin;

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
}
