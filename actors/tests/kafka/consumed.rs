//! What a consumer of all topics finds, compared with the journal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use fritzy_actors::TOPICS;
use fritzy_domain::Recorded;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

/// Messages by topic, without repeats.
pub(crate) struct Consumed {
    /// By topic and key: ids and versions, in the order of first occurrence.
    seen: BTreeMap<(String, String), Vec<(String, u64)>>,
    pub(crate) repeats: usize,
}

impl Consumed {
    /// Reads every topic to its end.
    pub(crate) fn all(brokers: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "test")
            .create()
            .expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        let mut left = 0;
        let limit = Duration::from_secs(30);
        for topic in TOPICS {
            let metadata = consumer
                .fetch_metadata(Some(topic), limit)
                .expect("metadata");
            for partition in metadata.topics()[0].partitions() {
                let (low, high) = consumer
                    .fetch_watermarks(topic, partition.id(), limit)
                    .expect("ends");
                left += high - low;
                partitions
                    .add_partition_offset(topic, partition.id(), Offset::Beginning)
                    .expect("an offset");
            }
        }
        consumer.assign(&partitions).expect("assigned");
        let (mut seen, mut ids, mut repeats): (
            BTreeMap<_, Vec<_>>,
            HashSet<(String, String)>,
            usize,
        ) = Default::default();
        let began = Instant::now();
        while left > 0 {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{left} messages do not come"
            );
            let Some(message) = consumer.poll(Duration::from_millis(200)) else {
                continue;
            };
            let message = message.expect("a message");
            left -= 1;
            let headers = message.headers().expect("headers");
            let headers: HashMap<&str, &str> = headers
                .iter()
                .map(|header| {
                    (
                        header.key,
                        std::str::from_utf8(header.value.expect("a value")).expect("UTF-8"),
                    )
                })
                .collect();
            let topic = message.topic().to_owned();
            let key = std::str::from_utf8(message.key().expect("a key"))
                .expect("UTF-8")
                .to_owned();
            assert_eq!(headers["ce_subject"], key);
            let payload: serde_json::Value =
                serde_json::from_slice(message.payload().expect("a payload")).expect("JSON");
            assert_eq!(payload["event_type"], headers["ce_type"]);
            let id = headers["ce_id"].to_owned();
            if !ids.insert((topic.clone(), id.clone())) {
                repeats += 1;
                continue;
            }
            let version = headers["ce_entityversion"].parse().expect("a version");
            seen.entry((topic, key)).or_default().push((id, version));
        }
        Self { seen, repeats }
    }

    /// Every event of the journal is on its topics, and no other; for each entity in the order of versions.
    pub(crate) fn require_whole(&self, journal: &[Recorded]) {
        let mut expected: BTreeMap<(String, String), Vec<(String, u64)>> = BTreeMap::new();
        for event in journal {
            let topics: &[&str] = match event.event.event_type() {
                "order.created" => &["order.events", "order.created", "notifications"],
                "order.completed" => &["order.events", "order.completed", "notifications"],
                of_order if of_order.starts_with("order.") => &["order.events", "notifications"],
                of_account if of_account.starts_with("account.") => &["account.events"],
                _ => &["catalog.events"],
            };
            for topic in topics {
                let key = ((*topic).to_owned(), event.entity.as_uuid().to_string());
                expected
                    .entry(key)
                    .or_default()
                    .push((event.event_id.to_string(), event.version));
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
