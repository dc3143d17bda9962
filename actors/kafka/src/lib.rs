//! The Kafka bridge: a projection that publishes every event, in order for each entity, at least once (invariant I6).
//!
//! The key is the entity's id, so its events share a partition of each topic. One idempotent producer sends, in the order
//! of each shard, and never gives a message up by time: one that expired here could still arrive behind its successor.
//! Whatever fails to be delivered ends the producer; a new one starts from the cursors, so repeats carry the same ids.

mod bridge;
mod client;
mod deliveries;
mod delivery_watchdog;
mod factory;
mod messages;
mod topics;
mod window;

use std::collections::BTreeMap;

pub use client::kafka_properties;
pub use factory::{KafkaBridge, KafkaSettingsError};
pub use messages::TOPICS;
pub use topics::{TopicDifference, TopicSettings, Topics, TopicsError};

use fritzy_projections::Begin;

/// How to reach Kafka, and where to begin.
#[derive(Clone)]
pub struct KafkaBridgeConfig {
    /// Addresses of brokers, `host:port`, with commas between.
    pub brokers: String,
    /// Settings of the client library by name, such as `security.protocol` and `sasl.username`, as [`kafka_properties`]
    /// reads them. They overrule ours but for those that order and durability rest on.
    pub properties: BTreeMap<String, String>,
    /// Where it begins the first time.
    pub begin: Begin,
}
