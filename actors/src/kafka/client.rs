//! The settings of every client of Kafka here.

use rdkafka::config::ClientConfig;

use super::KafkaBridgeConfig;

/// How to reach the brokers, and who we are.
pub(super) fn client_config(config: &KafkaBridgeConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", "fritzy");
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &config.brokers);
    client
}
