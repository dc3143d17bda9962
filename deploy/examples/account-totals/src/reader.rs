//! Reads `order.events` from given offsets on. The offsets are stored with the totals, not in
//! Kafka: so there is no consumer group, and all partitions are read. Offsets belong to a topic: a
//! topic that was deleted and created again is detected only while it is shorter than what was read
//! of the old one.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::message::{Content, MARKER, Message, OrderEvent, Place, change, marker};

const TOPIC: &str = "order.events";
/// Messages in one transaction at most: enough to spread its cost.
const BATCH_MAX: usize = 500;
/// For a response of the brokers.
const RESPONSE_MAX: Duration = Duration::from_secs(30);
/// Interval between two polls while no messages arrive.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The result of a read.
pub(crate) enum Next {
    Messages(Vec<Message>),
    /// All partitions are read to their ends.
    End,
}

pub(crate) struct Reader {
    consumer: BaseConsumer,
    /// The end offset, at the start, of each partition that is not read to it yet. `None`: reads
    /// on.
    ends: Option<HashMap<i32, i64>>,
}

impl Reader {
    /// Reads from these offsets on; partitions without one are read from the beginning.
    pub(crate) fn new(brokers: &str, from: &HashMap<i32, i64>, until_end: bool) -> Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            // The library requires one; no offset is committed to it.
            .set("group.id", "account-totals")
            .set("enable.auto.commit", "false")
            // Events that were deleted before they were read must be detected, not skipped.
            .set("auto.offset.reset", "error")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(TOPIC), RESPONSE_MAX);
        let metadata = metadata.context("no broker responds")?;
        let topic = metadata.topics().first().context("no topic")?;
        if topic.partitions().is_empty() {
            bail!("the topic {TOPIC} does not exist: `fritzy topics apply` creates it");
        }
        let mut partitions = TopicPartitionList::new();
        let mut ends = HashMap::new();
        for partition in topic.partitions() {
            let id = partition.id();
            let (begin, end) = consumer.fetch_watermarks(TOPIC, id, RESPONSE_MAX)?;
            let next = from.get(&id).copied().unwrap_or(begin);
            if next > end {
                bail!(
                    "partition {id} of {TOPIC} ends at {end}, but was read to {next}: the topic was created again; \
                     start again with an empty state"
                );
            }
            partitions.add_partition_offset(TOPIC, id, Offset::Offset(next))?;
            if next < end {
                ends.insert(id, end);
            }
        }
        consumer.assign(&partitions)?;
        Ok(Self {
            consumer,
            ends: until_end.then_some(ends),
        })
    }

    /// Waits for the next messages. They are in the order of each partition.
    pub(crate) async fn next(&mut self) -> Result<Next> {
        loop {
            if self.ends.as_ref().is_some_and(HashMap::is_empty) {
                return Ok(Next::End);
            }
            let mut messages = Vec::new();
            while messages.len() < BATCH_MAX
                && let Some(polled) = self.consumer.poll(Duration::ZERO)
            {
                let message = match polled {
                    Ok(message) => message,
                    Err(KafkaError::MessageConsumption(code)) if is_lost(code) => {
                        bail!(
                            "{code}: events were deleted before they were read; start again with an empty state"
                        )
                    }
                    Err(failure @ KafkaError::MessageConsumptionFatal(_)) => {
                        return Err(failure.into());
                    }
                    // Transient: the library reconnects to brokers that are down.
                    Err(_) => continue,
                };
                let read = read(&message)?;
                if let Some(ends) = &mut self.ends
                    && ends
                        .get(&read.partition)
                        .is_some_and(|end| read.offset + 1 >= *end)
                {
                    ends.remove(&read.partition);
                }
                messages.push(read);
            }
            if !messages.is_empty() {
                return Ok(Next::Messages(messages));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Whether the next message no longer exists.
const fn is_lost(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
    )
}

fn read(message: &BorrowedMessage<'_>) -> Result<Message> {
    let (partition, offset) = (message.partition(), message.offset());
    let content = content(message);
    let content =
        content.with_context(|| format!("partition {partition}, offset {offset} of {TOPIC}"))?;
    Ok(Message {
        partition,
        offset,
        content,
    })
}

fn content(message: &BorrowedMessage<'_>) -> Result<Content> {
    let payload = message.payload().context("no value")?;
    if header(message, "ce_type") == Some(MARKER) {
        return Ok(Content::Marker(marker(payload)?));
    }
    let key = message.key().context("no key")?;
    let place = || {
        Some(Place {
            generation: number(message, "ce_generation")?,
            shard: number(message, "ce_shard")?,
            position: number(message, "ce_position")?,
        })
    };
    Ok(Content::Event(OrderEvent {
        order: std::str::from_utf8(key)?.to_owned(),
        version: number(message, "ce_entityversion").context("no ce_entityversion")?,
        place: place().unwrap_or_default(),
        change: change(payload)?,
    }))
}

fn header<'m>(message: &'m BorrowedMessage<'_>, name: &str) -> Option<&'m str> {
    let mut headers = message.headers()?.iter();
    let header = headers.find(|header| header.key == name)?;
    std::str::from_utf8(header.value?).ok()
}

fn number(message: &BorrowedMessage<'_>, name: &str) -> Option<i64> {
    header(message, name)?.parse().ok()
}
