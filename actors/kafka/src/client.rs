//! The settings of every Kafka client of this crate, and the last error that such a client
//! reported.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::{debug, warn};

use crate::KafkaBridgeConfig;

/// Settings that order and durability depend on.
pub(super) const FIXED: [(&str, &str); 7] = [
    ("enable.idempotence", "true"),
    // A message rejected for good ends the producer. Otherwise it would send the messages behind
    // it.
    ("enable.gapless.guarantee", "true"),
    // And none behind it is in flight already: a partition without state of this producer accepts
    // any sequence number as the first one.
    ("max.in.flight.requests.per.connection", "1"),
    ("acks", "all"),
    // Never: a message that expires here may still arrive, behind its successors.
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2_random"),
    // Successful deliveries are reported as well.
    ("delivery.report.only.error", "false"),
];

/// Names that cannot be set: the above, their aliases, and what is set by other means.
const NOT_SETTABLE: [(&str, &str); 14] = [
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("max.in.flight.requests.per.connection", ORDER),
    ("max.in.flight", ORDER),
    ("acks", ORDER),
    ("request.required.acks", ORDER),
    ("message.timeout.ms", ORDER),
    ("delivery.timeout.ms", ORDER),
    ("partitioner", ORDER),
    ("delivery.report.only.error", ORDER),
    ("batch.size", "it follows what the brokers accept"),
    (
        "transactional.id",
        "events are published without transactions",
    ),
    ("bootstrap.servers", BROKERS),
    ("metadata.broker.list", BROKERS),
];
const ORDER: &str = "order and durability depend on it";
const BROKERS: &str = "the setting of the brokers names them";

/// The client's settings: its id, the properties, and the brokers.
pub(super) fn client_config(config: &KafkaBridgeConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", "fritzy");
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &config.brokers);
    client
}

/// Parses settings of the client library: one `name=value` a line, and comment lines that begin
/// with `#`, as in Kafka's own tools.
///
/// # Errors
/// When a line is not `name=value`, repeats a name, or sets what cannot be set. The message has the
/// number of the line and never a value, which may be a secret.
pub fn kafka_properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut properties = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let invalid = |why: &str| Err(format!("line {number}: {why}"));
        let Some((name, value)) = line.split_once('=') else {
            return invalid("not name=value");
        };
        let name = name.trim();
        if name.starts_with("test.") {
            return invalid(&format!(
                "{name} cannot be set here: it is for tests of the client library"
            ));
        }
        if let Some((_, why)) = NOT_SETTABLE.iter().find(|(fixed, _)| *fixed == name) {
            return invalid(&format!("{name} cannot be set here: {why}"));
        }
        if properties
            .insert(name.to_owned(), value.trim().to_owned())
            .is_some()
        {
            return invalid(&format!("{name} is set twice"));
        }
    }
    Ok(properties)
}

/// The last error that a client reported. It says why no broker responds, where the failed request
/// says only that none does.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientErrors(Arc<Mutex<LastError>>);

#[derive(Debug, Default)]
struct LastError {
    reason: Option<String>,
    logged_at: Option<Instant>,
}

/// Interval between two warnings: a client retries, and reports errors, many times a second.
const WARN_INTERVAL: Duration = Duration::from_secs(10);

impl ClientErrors {
    /// The error message of a request that no broker has responded to.
    pub(super) fn no_response(&self, error: &KafkaError) -> String {
        let error = match error {
            KafkaError::MetadataFetch(code) => code.to_string(),
            other => other.to_string(),
        };
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let why = last.reason.as_deref().unwrap_or(&error);
        format!("no Kafka broker responds: {why}")
    }
}

impl ClientContext for ClientErrors {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(facility, message, "Kafka client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last
            .logged_at
            .is_none_or(|logged_at| logged_at.elapsed() >= WARN_INTERVAL)
        {
            last.logged_at = Some(Instant::now());
            warn!(failure = %error, reason, "Kafka client error");
        } else {
            debug!(failure = %error, reason, "Kafka client error");
        }
        // That all brokers are down says less than why the last one is.
        if !reason.ends_with("brokers are down") || last.reason.is_none() {
            last.reason = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for ClientErrors {}

impl ProducerContext for ClientErrors {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_parsed_as_by_kafka_tools() {
        let text = "# how to get in\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b # c\n";
        let read = kafka_properties(text).expect("sound");
        assert_eq!(read["security.protocol"], "SASL_SSL");
        assert_eq!(read["sasl.password"], "a=b # c");
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn invalid_properties_are_rejected_without_their_values() {
        for (text, expected) in [
            ("a=1\nsecret", "line 2: not name=value"),
            (
                "acks=1",
                "line 1: acks cannot be set here: order and durability depend on it",
            ),
            (
                "message.timeout.ms=1",
                "line 1: message.timeout.ms cannot be set here: order and durability depend on it",
            ),
            (
                "bootstrap.servers=x",
                "line 1: bootstrap.servers cannot be set here: the setting of the brokers names them",
            ),
            ("a=secret\na=other", "line 2: a is set twice"),
        ] {
            assert_eq!(kafka_properties(text), Err(expected.to_owned()));
        }
    }
}
