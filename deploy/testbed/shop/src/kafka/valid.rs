//! What a consumer holds for valid after the database has lost events.

use std::collections::HashMap;

use serde_json::Value;

use super::consumed::ConsumedMessage;

/// A topic and its partition.
type Partition = (String, Option<i32>);

/// The number of a generation, and the last valid position of each shard.
type Marker = (u64, Value);

/// The messages that a consumer holds for valid that follows the rules of docs/events.md: an event
/// counts unless a later generation's marker has dropped its position. No marker is among them.
///
/// # Panics
/// When a message lacks a header, or a marker a shard.
#[must_use]
pub fn valid(messages: Vec<ConsumedMessage>) -> Vec<ConsumedMessage> {
    let mut of_partition: HashMap<Partition, Vec<ConsumedMessage>> = HashMap::new();
    let mut dropped: HashMap<Partition, Vec<Marker>> = HashMap::new();
    let is_kept = |message: &ConsumedMessage, (generation, kept): &Marker| {
        let kept = kept[message.headers["ce_shard"].as_str()].as_u64();
        message.number("ce_generation") >= *generation
            || message.number("ce_position") <= kept.expect("every shard is named")
    };
    for message in messages {
        let partition = (message.topic.clone(), message.partition);
        let seen = of_partition.entry(partition.clone()).or_default();
        let markers = dropped.entry(partition).or_default();
        if message.is_marker() {
            let marker = (
                message.number("ce_generation"),
                message.payload["shards"].clone(),
            );
            seen.retain(|earlier| is_kept(earlier, &marker));
            markers.push(marker);
        } else if markers.iter().all(|marker| is_kept(&message, marker)) {
            seen.push(message);
        }
    }
    of_partition.into_values().flatten().collect()
}
