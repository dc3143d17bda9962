//! The messages of all topics, compared with the journal (I6): every event at least once, in order
//! by generation and version, and nothing that never happened but what the system names as lost.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fritzy_domain::RecordedEvent;
use fritzy_testbed_shop::kafka::{ConsumedMessage, topics_of};
use fritzy_types::ShardId;

use super::journal::Journal;
use super::loss::Losses;
use super::verdict::Finding;

/// Compares what consumers have read with the journal. `partitions` are all partitions of all
/// topics.
#[must_use]
pub fn check_kafka(
    messages: &[ConsumedMessage],
    journal: &Journal,
    losses: &Losses,
    partitions: &BTreeSet<(String, i32)>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut violation = |what: String| findings.push(Finding::Violation(format!("I6: {what}")));
    let events: HashMap<String, &RecordedEvent> = journal
        .values()
        .flatten()
        .map(|event| (event.event_id.to_string(), event))
        .collect();
    let mut published: HashSet<(&str, &str)> = HashSet::new();
    let mut last: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let mut marked: BTreeSet<(String, i32)> = BTreeSet::new();
    for message in messages {
        if message.is_marker() {
            marked.insert((message.topic.clone(), message.partition.unwrap_or_default()));
            if let Some(what) = wrong_marker(message, losses) {
                violation(what);
            }
            continue;
        }
        let (topic, key) = (message.topic.as_str(), message.key.as_str());
        let id = message.headers["ce_id"].as_str();
        let generation = message.number("ce_generation");
        let version = message.number("ce_entityversion");
        let is_first = published.insert((topic, id));
        match events.get(id) {
            Some(event) => {
                let is_same = event.version == version
                    && event.entity.as_uuid().to_string() == key
                    && u64::from(event.shard.0) == message.number("ce_shard")
                    && event.position == message.number("ce_position");
                if !is_same {
                    violation(format!("{topic}: {:?} is {event:?}", message.headers));
                }
            }
            // A node of the old generation may send it late.
            None if is_lost(message, generation, losses) => continue,
            None => violation(format!("{topic}: never happened: {:?}", message.headers)),
        }
        // A repeat may come at any time after the first.
        if is_first {
            let before = last.entry((topic, key)).or_default();
            if *before >= (generation, version) {
                violation(format!(
                    "{topic}: {key}: generation {generation}, version {version} after {before:?}"
                ));
            }
            *before = (*before).max((generation, version));
        }
    }
    for (id, event) in &events {
        for topic in topics_of(event.event.event_type()) {
            if !published.contains(&(*topic, id.as_str())) {
                violation(format!("{topic}: not published: {event:?}"));
            }
        }
    }
    if losses.0.is_some() {
        for partition in partitions.difference(&marked) {
            violation(format!("{partition:?} has no marker of the generation"));
        }
    }
    findings
}

/// Whether consumers know from the marker that this event never happened.
fn is_lost(message: &ConsumedMessage, generation: u64, losses: &Losses) -> bool {
    let Some(loss) = &losses.0 else {
        return false;
    };
    let shard = u16::try_from(message.number("ce_shard")).map(ShardId);
    let kept = shard.ok().and_then(|shard| loss.shards.get(&shard));
    generation < 2 && message.number("ce_position") > kept.map_or(0, |start| start.kept)
}

/// What is wrong with a marker: it names the last valid position of every shard.
fn wrong_marker(message: &ConsumedMessage, losses: &Losses) -> Option<String> {
    let Some(loss) = &losses.0 else {
        return Some(format!("a marker without a loss: {}", message.payload));
    };
    let named = message.payload["shards"].as_object()?;
    let is_right = |(shard, start): (&ShardId, &fritzy_domain::GenerationStart)| {
        let named = named.get(&shard.0.to_string());
        named.and_then(serde_json::Value::as_u64).unwrap_or(0) == start.kept
    };
    let is_right = message.payload["generation"] == 2 && loss.shards.iter().all(is_right);
    (!is_right).then(|| format!("a wrong marker: {}, not {:?}", message.payload, loss.shards))
}
