//! What consumers of all topics find, compared with the journal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use fritzy_domain::RecordedEvent;
use fritzy_kafka::TOPICS;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::brokers::client;

/// A message as it was found.
pub(crate) struct Found {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) payload: Value,
}

/// By topic and key: ids and versions.
type ByKey = BTreeMap<(String, String), Vec<(String, u64)>>;

/// Messages by topic, without repeats.
pub(crate) struct Consumed {
    /// In the order of first occurrence.
    seen: ByKey,
    pub(crate) messages: usize,
    pub(crate) repeats: usize,
}

impl Consumed {
    /// What was found, in the order of each partition.
    pub(crate) fn new(found: impl IntoIterator<Item = Found>) -> Self {
        let mut seen = ByKey::new();
        let mut ids = HashSet::new();
        let (mut messages, mut repeats) = (0, 0);
        for message in found {
            let Found {
                topic,
                key,
                headers,
                payload,
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

    /// Reads every topic to its end, by librdkafka.
    pub(crate) fn all(brokers: &str) -> Self {
        Self::new(read_all(brokers))
    }

    /// Different events on a topic.
    pub(crate) fn distinct(&self, topic: &str) -> usize {
        let on_it = self.seen.iter().filter(|((of, _), _)| of == topic);
        on_it.map(|(_, events)| events.len()).sum()
    }

    /// Every event of the journal is on its topics, and no other; for each entity in the order of versions.
    pub(crate) fn require_whole(&self, journal: &[RecordedEvent]) {
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

/// Where an event of this type must be; written down here once more, so that it is not the product that says so.
fn topics_of(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "order.created" => &["order.events", "order.created", "notifications"],
        "order.completed" => &["order.events", "order.completed", "notifications"],
        of_order if of_order.starts_with("order.") => &["order.events", "notifications"],
        of_account if of_account.starts_with("account.") => &["account.events"],
        _ => &["catalog.events"],
    }
}

/// How many messages each topic has.
pub(crate) fn counts(brokers: &str) -> Vec<(&'static str, i64)> {
    let consumer = consumer(brokers);
    let counts = TOPICS.into_iter().map(|topic| {
        let ends = ends(&consumer, topic).into_iter();
        (topic, ends.map(|(_, low, high)| high - low).sum())
    });
    counts.collect()
}

/// Every message of every topic, in the order of each partition.
pub(crate) fn read_all(brokers: &str) -> Vec<Found> {
    let consumer = consumer(brokers);
    let mut partitions = TopicPartitionList::new();
    let mut left = 0;
    for topic in TOPICS {
        for (partition, low, high) in ends(&consumer, topic) {
            left += high - low;
            let added = partitions.add_partition_offset(topic, partition, Offset::Beginning);
            added.expect("an offset");
        }
    }
    consumer.assign(&partitions).expect("assigned");
    let mut all = Vec::new();
    let began = Instant::now();
    while left > 0 {
        let in_time = began.elapsed() < Duration::from_secs(120);
        assert!(in_time, "{left} messages do not come");
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
        all.push(Found {
            topic: message.topic().to_owned(),
            key: text(message.key().expect("a key")),
            headers: headers.collect(),
            payload: serde_json::from_slice(message.payload().expect("a payload")).expect("JSON"),
        });
    }
    all
}

fn consumer(brokers: &str) -> BaseConsumer {
    let mut config = client(brokers);
    config.set("group.id", "test");
    config.create().expect("a consumer")
}

/// Partitions, and where they begin and end.
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
