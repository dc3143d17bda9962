//! Markers: a producer of a later generation begins each partition of each topic with the positions
//! that are still valid. What follows in the partition is read by them.

use std::collections::BTreeMap;

use fritzy_domain::Generation;
use fritzy_types::rfc3339;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ThreadedProducer};

use crate::deliveries::{DeliveryContext, DeliveryToken};
use crate::destination::Destination;
use crate::partitions::Partitions;

/// The CloudEvents type, and the `event_type`, of a marker.
const EVENT_TYPE: &str = "database.generation";

/// The payload of a marker.
#[derive(serde::Serialize)]
struct MarkerPayload<'g> {
    event_type: &'static str,
    generation: u64,
    generation_id: String,
    /// The last valid position of each shard, by its number.
    shards: BTreeMap<u16, u64>,
    timestamp: &'g str,
}

fn payload(generation: &Generation, timestamp: &str) -> String {
    let kept = |(shard, start): (&fritzy_types::ShardId, &fritzy_domain::GenerationStart)| {
        (shard.0, start.kept)
    };
    let payload = MarkerPayload {
        event_type: EVENT_TYPE,
        generation: generation.number,
        generation_id: generation.id.to_string(),
        shards: generation.shards.iter().map(kept).collect(),
        timestamp,
    };
    serde_json::to_string(&payload).expect("strings and numbers are JSON")
}

fn headers(generation: &Generation, timestamp: &str, source: &str) -> OwnedHeaders {
    let number = generation.number.to_string();
    let id = generation.id.to_string();
    let mut headers = OwnedHeaders::new_with_capacity(7);
    for (key, value) in [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_type", EVENT_TYPE),
        ("ce_source", source),
        ("ce_time", timestamp),
        ("ce_generation", &number),
    ] {
        let value = Some(value);
        headers = headers.insert(Header { key, value });
    }
    headers
}

/// Queues a marker for every partition. Returns how many there are.
///
/// # Errors
/// When the producer takes no messages.
pub(super) fn queue_markers(
    producer: &ThreadedProducer<DeliveryContext>,
    generation: &Generation,
    partitions: &Partitions,
    destination: &Destination,
) -> Result<usize, KafkaError> {
    let timestamp = rfc3339(generation.began);
    let (payload, headers) = (
        payload(generation, &timestamp),
        headers(generation, &timestamp, &destination.source),
    );
    let mut queued = 0;
    for (&topic, &count) in partitions {
        for partition in 0..i32::try_from(count).unwrap_or(i32::MAX) {
            let topic = destination.names.full(topic);
            let record =
                BaseRecord::<(), str, usize>::with_opaque_to(topic, DeliveryToken::MARKER.packed());
            let record = record
                .partition(partition)
                .payload(&payload)
                .headers(headers.clone());
            producer.send(record).map_err(|(error, _)| error)?;
            queued += 1;
        }
    }
    Ok(queued)
}

/// Why a bridge ends whose marker was not delivered.
pub(super) fn undelivered(code: RDKafkaErrorCode) -> String {
    format!("the marker of a generation was not delivered: {code}")
}

#[cfg(test)]
mod tests {
    use fritzy_domain::GenerationStart;
    use fritzy_types::{ShardId, Timestamp};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn i6_marker_names_the_last_valid_position_of_each_shard() {
        let start = |kept| GenerationStart { kept, lost: 99 };
        let generation = Generation {
            number: 2,
            id: Uuid::nil(),
            began: Timestamp::from_micros(1_704_067_200_000_000),
            in_place: true,
            shards: [(ShardId(0), start(0)), (ShardId(17), start(95))].into(),
        };
        assert_eq!(
            payload(&generation, &rfc3339(generation.began)),
            r#"{"event_type":"database.generation","generation":2,"generation_id":"00000000-0000-0000-0000-000000000000","shards":{"0":0,"17":95},"timestamp":"2024-01-01T00:00:00.000000Z"}"#
        );
    }
}
