//! The Kafka bridge: a projection that publishes every event at least once, in order for each
//! entity (invariant I6).
//!
//! The key of a message is the entity's id, so the events of an entity share a partition of each
//! topic. One idempotent producer sends in the order of each shard. It never expires a message: an
//! expired one could still arrive, behind its successor. Any failed delivery ends the producer. A
//! new one starts from the cursors, and repeated messages carry the same ids.

mod binding;
mod binding_record;
mod binding_topic;
mod bridge;
mod client;
mod config;
mod deliveries;
mod delivery_watchdog;
mod destination;
mod factory;
mod marker;
mod messages;
mod operator_topics;
mod partitions;
mod topic_names;
mod topic_settings;
mod topics;
mod window;

pub use binding_record::{BindingRecord, Standing};
pub use client::kafka_properties;
pub use config::KafkaBridgeConfig;
pub use factory::{KafkaBridge, KafkaSettingsError};
pub use messages::{DEFAULT_SOURCE, TOPICS};
pub use operator_topics::OperatorTopics;
pub use topic_names::{BINDING_TOPIC, check_topic_prefix};
pub use topic_settings::{TopicDifference, TopicSettings};
pub use topics::{Topics, TopicsError};
