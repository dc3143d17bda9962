//! The settings of every client of Kafka here, and what such a client complains about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::{debug, warn};

use crate::KafkaBridgeConfig;

/// What order and durability rest on.
pub(super) const FIXED: [(&str, &str); 7] = [
    ("enable.idempotence", "true"),
    // What is refused for good ends the producer. It would go on with what is behind that otherwise.
    ("enable.gapless.guarantee", "true"),
    // And nothing behind it is under way already: to a partition that knows nothing of a session yet, any number is its first.
    ("max.in.flight.requests.per.connection", "1"),
    ("acks", "all"),
    // Never: one that is given up here may still arrive, behind what was sent after it.
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2_random"),
    // What has arrived must be told of.
    ("delivery.report.only.error", "false"),
];

/// What cannot be set by name: the above, their other names, and what is set by other means.
const REFUSED: [(&str, &str); 14] = [
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
    ("batch.size", "it follows what the brokers take"),
    (
        "transactional.id",
        "events are published without transactions",
    ),
    ("bootstrap.servers", BROKERS),
    ("metadata.broker.list", BROKERS),
];
const ORDER: &str = "order and durability rest on it";
const BROKERS: &str = "the brokers' own setting names them";

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

/// Reads settings of the client library from text: `name=value` a line, `#` begins a comment line, as Kafka's own tools
/// have it.
///
/// # Errors
/// What is wrong in which line, without its value: that may be a secret.
pub fn kafka_properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut properties = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refused = |why: &str| Err(format!("line {number}: {why}"));
        let Some((name, value)) = line.split_once('=') else {
            return refused("not name=value");
        };
        let name = name.trim();
        if name.starts_with("test.") {
            return refused(&format!(
                "{name} cannot be set here: it is for the client's own tests"
            ));
        }
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return refused(&format!("{name} cannot be set here: {why}"));
        }
        if properties
            .insert(name.to_owned(), value.trim().to_owned())
            .is_some()
        {
            return refused(&format!("{name} is there twice"));
        }
    }
    Ok(properties)
}

/// What a client has complained about last: why brokers do not answer, where the answer itself says only that they do not.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaints(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    told: Option<Instant>,
}

/// Between two complaints in the log: a client tries again, and complains, many times a second.
const TELL_EVERY: Duration = Duration::from_secs(10);

impl Complaints {
    /// That no broker answers, and why.
    pub(super) fn no_answer(&self, failure: &KafkaError) -> String {
        let failure = match failure {
            KafkaError::MetadataFetch(code) => code.to_string(),
            other => other.to_string(),
        };
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let why = heard.last.as_deref().unwrap_or(&failure);
        format!("no broker of Kafka answers: {why}")
    }
}

impl ClientContext for Complaints {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(facility, message, "Kafka's client");
    }

    fn error(&self, failure: KafkaError, reason: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            heard.told = Some(Instant::now());
            warn!(%failure, reason, "Kafka");
        } else {
            debug!(%failure, reason, "Kafka");
        }
        // That all brokers are away says less than why the last one is.
        if !reason.ends_with("brokers are down") || heard.last.is_none() {
            heard.last = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Complaints {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_other_tools_read_them() {
        let text = "# how to get in\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b # c\n";
        let read = kafka_properties(text).expect("sound");
        assert_eq!(read["security.protocol"], "SASL_SSL");
        assert_eq!(read["sasl.password"], "a=b # c");
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn what_cannot_be_set_is_refused_and_no_value_told() {
        for (text, expected) in [
            ("a=1\nsecret", "line 2: not name=value"),
            (
                "acks=1",
                "line 1: acks cannot be set here: order and durability rest on it",
            ),
            (
                "message.timeout.ms=1",
                "line 1: message.timeout.ms cannot be set here: order and durability rest on it",
            ),
            (
                "bootstrap.servers=x",
                "line 1: bootstrap.servers cannot be set here: the brokers' own setting names them",
            ),
            ("a=secret\na=other", "line 2: a is there twice"),
        ] {
            assert_eq!(kafka_properties(text), Err(expected.to_owned()));
        }
    }
}
