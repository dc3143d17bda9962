//! The partitions of the topics, as this node knows them: a topic with other partitions than before
//! has lost its messages, or their order.
//!
//! The key of a message is hashed over the partitions. So when partitions are added, later events
//! of an entity are in another partition than earlier ones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::metadata::Metadata;
use rdkafka::producer::{Producer, ThreadedProducer};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, error};

use crate::deliveries::DeliveryContext;
use crate::messages::TOPICS;
use crate::topic_names::TopicNames;

/// Between two checks of a running bridge. The client library itself notices new partitions after
/// up to five minutes.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// For a response of the brokers; the next check asks again.
const METADATA_MAX: Duration = Duration::from_secs(5);

/// The number of partitions of each topic that exists.
pub(super) type Partitions = BTreeMap<&'static str, usize>;

/// The partitions that were seen last, by all bridges of this process.
#[derive(Clone, Default)]
pub(super) struct KnownPartitions(Arc<Mutex<Partitions>>);

/// The partitions of the topics in a response of the brokers.
pub(super) fn partitions(metadata: &Metadata, names: &TopicNames) -> Partitions {
    let found = metadata.topics().iter().filter_map(|topic| {
        let name = TOPICS
            .into_iter()
            .find(|name| names.full(name) == topic.name())?;
        let partitions = topic.partitions().len();
        (partitions > 0).then_some((name, partitions))
    });
    found.collect()
}

impl KnownPartitions {
    /// Logs what has changed since the last time, or differs the first time.
    pub(super) fn compare(&self, found: Partitions, names: &TopicNames) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = if known.is_empty() {
            differing(&found, names)
        } else {
            changed(&known, &found, names)
        };
        for line in lines {
            error!("{line}");
        }
        // A deleted topic may come back with other partitions.
        known.extend(found);
    }
}

/// Compares regularly until the task is aborted.
pub(super) async fn watch(
    producer: Arc<ThreadedProducer<DeliveryContext>>,
    known: KnownPartitions,
    names: TopicNames,
) {
    loop {
        sleep(CHECK_INTERVAL).await;
        let (producer, asked) = (producer.clone(), names.clone());
        let fetching = spawn_blocking(move || {
            // All topics: a request for one by its name may create it.
            let found = producer.client().fetch_metadata(None, METADATA_MAX);
            found.map(|metadata| partitions(&metadata, &asked))
        });
        match fetching.await {
            Ok(Ok(found)) => known.compare(found, &names),
            Ok(Err(failure)) => debug!(%failure, "the partitions of the topics cannot be read"),
            Err(_) => return,
        }
    }
}

/// A line for each topic whose number of partitions has changed.
fn changed(known: &Partitions, found: &Partitions, names: &TopicNames) -> Vec<String> {
    let line = |(topic, now): (&&str, &usize)| {
        let before = *known.get(topic)?;
        let what = if *now < before {
            "it was created anew, and what was published before is gone from it"
        } else if *now > before {
            "later events of an entity are in another partition than earlier ones, so their order is lost"
        } else {
            return None;
        };
        let topic = names.full(topic);
        Some(format!(
            "the topic {topic} has {now} partitions instead of {before}: {what}. {}",
            remedy(before)
        ))
    };
    found.iter().filter_map(line).collect()
}

/// A line for each topic with other partitions than most: `fritzy topics apply` gives all the same.
fn differing(found: &Partitions, names: &TopicNames) -> Vec<String> {
    let count_of = |partitions: usize| found.values().filter(|other| **other == partitions).count();
    let usual = found
        .values()
        .copied()
        .max_by_key(|partitions| count_of(*partitions));
    let Some(usual) = usual.filter(|usual| count_of(*usual) > 1) else {
        return Vec::new();
    };
    let others = found.iter().filter(|(_, partitions)| **partitions != usual);
    let line = |(topic, partitions): (&&str, &usize)| {
        let topic = names.full(topic);
        format!(
            "the topic {topic} has {partitions} partitions, and others have {usual}: if that was changed after events were \
             published, messages or their order are lost. {}",
            remedy(usual)
        )
    };
    others.map(line).collect()
}

/// What to do about a topic that should have so many partitions.
fn remedy(partitions: usize) -> String {
    format!(
        "Stop its consumers, delete the topic, create it with `fritzy topics apply --partitions {partitions}`, and publish \
         everything again with `fritzy projections reset kafka --all --to start`; or leave it, if its consumers need neither"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> TopicNames {
        TopicNames::new("")
    }

    fn of(counts: [usize; 3]) -> Partitions {
        let topics = ["account.events", "catalog.events", "order.events"];
        topics.into_iter().zip(counts).collect()
    }

    #[test]
    fn changed_partitions_are_named_with_the_remedy() {
        let known = of([12, 12, 12]);
        assert_eq!(changed(&known, &known, &names()), [""; 0]);
        let lines = changed(&known, &of([12, 3, 24]), &names());
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, part) in [
            (
                &lines[0],
                "catalog.events has 3 partitions instead of 12: it was created anew",
            ),
            (
                &lines[1],
                "order.events has 24 partitions instead of 12: later events",
            ),
        ] {
            assert!(line.contains(part), "{line}");
            for remedy in [
                "topics apply --partitions 12`",
                "projections reset kafka --all --to start",
            ] {
                assert!(line.contains(remedy), "{line}");
            }
        }
        let gone = BTreeMap::from([("order.events", 12)]);
        assert_eq!(
            changed(&known, &gone, &names()),
            [""; 0],
            "a deleted topic may come back"
        );
    }

    #[test]
    fn topic_with_other_partitions_than_most_is_named() {
        assert_eq!(differing(&of([3, 3, 3]), &names()), [""; 0]);
        assert_eq!(
            differing(&of([1, 2, 3]), &names()),
            [""; 0],
            "there is no usual number"
        );
        let lines = differing(&of([3, 5, 3]), &names());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("the topic catalog.events has 5 partitions, and others have 3")
        );
    }
}
