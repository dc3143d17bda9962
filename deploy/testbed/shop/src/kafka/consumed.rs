//! The messages of all topics, compared with the journal (I6).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use fritzy_domain::RecordedEvent;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use super::brokers::client_config;

/// The topics of the shop. Written down here again, so that the product is not its own witness.
pub const TOPICS: [&str; 6] = [
    "order.events",
    "order.created",
    "order.completed",
    "account.events",
    "catalog.events",
    "notifications",
];

/// A message as a consumer received it.
#[derive(Clone, Debug)]
pub struct ConsumedMessage {
    /// The topic that it was read from.
    pub topic: String,
    /// The partition that it was read from, where the reader tells.
    pub partition: Option<i32>,
    /// Its key: the entity's id; empty for the marker of a generation.
    pub key: String,
    /// Its headers, by name.
    pub headers: HashMap<String, String>,
    /// The message's value, parsed as JSON.
    pub payload: Value,
}

impl ConsumedMessage {
    /// Whether it begins a generation, and is no event.
    #[must_use]
    pub fn is_marker(&self) -> bool {
        self.headers["ce_type"] == "database.generation"
    }

    /// The number in a header.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn number(&self, header: &str) -> u64 {
        let value = &self.headers[header];
        value
            .parse()
            .unwrap_or_else(|_| panic!("{header}: {value}"))
    }
}

/// Event ids and versions, by topic and key.
type ByKey = BTreeMap<(String, String), Vec<(String, u64)>>;

/// The messages of all topics, without repeats.
#[derive(Debug)]
pub struct Consumed {
    /// In the order of first occurrence.
    seen: ByKey,
    /// How many messages there were, repeats included.
    pub messages: usize,
    /// How many of them repeated an earlier one of their topic.
    pub repeats: usize,
}

impl Consumed {
    /// Collects messages that are in the order of their partitions.
    ///
    /// # Panics
    /// When the headers of a message contradict its key or its value.
    pub fn new(found: impl IntoIterator<Item = ConsumedMessage>) -> Self {
        let mut seen = ByKey::new();
        let mut ids = HashSet::new();
        let (mut messages, mut repeats) = (0, 0);
        for message in found {
            if message.is_marker() {
                continue;
            }
            let ConsumedMessage {
                topic,
                key,
                headers,
                payload,
                ..
            } = message;
            assert_eq!(headers["ce_subject"], key);
            assert_eq!(payload["event_type"], headers["ce_type"]);
            messages += 1;
            let id = headers["ce_id"].clone();
            if !ids.insert((topic.clone(), id.clone())) {
                repeats += 1;
                continue;
            }
            let version = headers["ce_entityversion"].parse().expect("a version");
            seen.entry((topic, key)).or_default().push((id, version));
        }
        Self {
            seen,
            messages,
            repeats,
        }
    }

    /// Reads every topic to its end with librdkafka.
    #[must_use]
    pub fn all(brokers: &str) -> Self {
        Self::new(read_all(brokers))
    }

    /// How many different events a topic has.
    #[must_use]
    pub fn distinct(&self, topic: &str) -> usize {
        let on_it = self.seen.iter().filter(|((of, _), _)| of == topic);
        on_it.map(|(_, events)| events.len()).sum()
    }

    /// Requires exactly the events of the journal on their topics; those of one entity in the order
    /// of their versions.
    ///
    /// # Panics
    /// When an event is missing, foreign, or out of order (I6).
    pub fn require_whole(&self, journal: &[RecordedEvent]) {
        let mut expected = ByKey::new();
        for event in journal {
            for topic in topics_of(event.event.event_type()) {
                let key = ((*topic).to_owned(), event.entity.as_uuid().to_string());
                let event = (event.event_id.to_string(), event.version);
                expected.entry(key).or_default().push(event);
            }
        }
        for events in expected.values_mut() {
            events.sort_by_key(|(_, version)| *version);
        }
        assert_eq!(self.seen.len(), expected.len(), "topics and keys");
        for (key, events) in &expected {
            assert_eq!(self.seen.get(key), Some(events), "I6: {key:?}");
        }
    }
}

/// The topics of an event type, independent of the product's own table.
#[must_use]
pub fn topics_of(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "order.created" => &["order.events", "order.created", "notifications"],
        "order.completed" => &["order.events", "order.completed", "notifications"],
        of_order if of_order.starts_with("order.") => &["order.events", "notifications"],
        of_account if of_account.starts_with("account.") => &["account.events"],
        _ => &["catalog.events"],
    }
}

/// How many messages each topic has.
///
/// # Panics
/// When the brokers cannot be reached.
#[must_use]
pub fn message_counts(brokers: &str) -> Vec<(&'static str, i64)> {
    let consumer = consumer(brokers);
    let counts = TOPICS.into_iter().map(|topic| {
        let ends = ends(&consumer, topic).into_iter();
        (topic, ends.map(|(_, low, high)| high - low).sum())
    });
    counts.collect()
}

/// Every partition of every topic.
///
/// # Panics
/// When the brokers cannot be reached.
#[must_use]
pub fn partitions(brokers: &str) -> Vec<(String, i32)> {
    let consumer = consumer(brokers);
    let of_topic = |topic: &'static str| {
        let partitions = ends(&consumer, topic).into_iter();
        partitions.map(move |(partition, _, _)| (topic.to_owned(), partition))
    };
    TOPICS.into_iter().flat_map(of_topic).collect()
}

/// Every message of every topic, in the order of each partition.
///
/// # Panics
/// When a message does not arrive within 120 s, or is malformed.
#[must_use]
pub fn read_all(brokers: &str) -> Vec<ConsumedMessage> {
    read_prefixed(brokers, "")
}

/// Every message of every topic whose names begin with `prefix`, as if they had none.
///
/// # Panics
/// When a message does not arrive within 120 s, or is malformed.
#[must_use]
pub fn read_prefixed(brokers: &str, prefix: &str) -> Vec<ConsumedMessage> {
    let consumer = consumer(brokers);
    let mut partitions = TopicPartitionList::new();
    let mut left = 0;
    for topic in TOPICS {
        let topic = format!("{prefix}{topic}");
        for (partition, low, high) in ends(&consumer, &topic) {
            left += high - low;
            let added = partitions.add_partition_offset(&topic, partition, Offset::Beginning);
            added.expect("an offset");
        }
    }
    consumer.assign(&partitions).expect("assigned");
    let mut all = Vec::new();
    let began = Instant::now();
    while left > 0 {
        let in_time = began.elapsed() < Duration::from_secs(120);
        assert!(in_time, "{left} messages do not arrive");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let message = message.expect("a message");
        left -= 1;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let headers = message.headers().expect("headers").iter();
        let headers = headers.map(|header| {
            let value = header.value.expect("a value");
            (header.key.to_owned(), text(value))
        });
        all.push(ConsumedMessage {
            topic: message.topic()[prefix.len()..].to_owned(),
            partition: Some(message.partition()),
            key: message.key().map(text).unwrap_or_default(),
            headers: headers.collect(),
            payload: serde_json::from_slice(message.payload().expect("a payload")).expect("JSON"),
        });
    }
    all
}

fn consumer(brokers: &str) -> BaseConsumer {
    let mut config = client_config(brokers);
    config.set("group.id", "test");
    config.create().expect("a consumer")
}

/// Each partition of a topic with its first and its next offset.
fn ends(consumer: &BaseConsumer, topic: &str) -> Vec<(i32, i64, i64)> {
    let limit = Duration::from_secs(60);
    let metadata = consumer.fetch_metadata(Some(topic), limit);
    let metadata = metadata.expect("metadata");
    let partitions = metadata.topics()[0].partitions().iter();
    let ends = partitions.map(|partition| {
        let ends = consumer.fetch_watermarks(topic, partition.id(), limit);
        let (low, high) = ends.expect("ends");
        (partition.id(), low, high)
    });
    ends.collect()
}
