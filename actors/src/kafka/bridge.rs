//! The bridge: one producer, what is under way, and what is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Position, ShardId};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{info, warn};

use super::KafkaBridgeConfig;
use super::client::client_config;
use super::messages::{TOPICS, headers, payload, topics};
use super::window::Window;
use crate::projection::{Begin, Broken, Done, ProjectedEvent, Projection, ProjectionStart};

/// Messages under way at most, over all shards: some MB, and enough that a broker's round trip is never waited for.
const UNDER_WAY_MAX: usize = 20_000;
/// A larger message is alone under way in its shard: if a broker refuses it as too large, nothing behind it has
/// arrived before it. An order has some 500 bytes, one of a hundred lines 10 KB.
const LARGE_BYTES: usize = 16 * 1_024;
/// Asking for topics at most.
const METADATA_MAX: Duration = Duration::from_secs(10);

/// What order and durability rest on.
const FIXED: [(&str, &str); 6] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Never: one that is given up here may still arrive, behind what was sent after it.
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.messages", "20000"),
    // 64 MB: long orders fill the memory before their number does. Then as well, what waits is sent before anything else.
    ("queue.buffering.max.kbytes", "65536"),
];

/// What may be overruled.
const DEFAULTS: [(&str, &str); 3] = [
    ("compression.type", "lz4"),
    // What comes within two milliseconds shares a request.
    ("linger.ms", "2"),
    ("topic.metadata.propagation.max.ms", "10000"),
];

/// Starts bridges.
pub struct KafkaBridge {
    config: KafkaBridgeConfig,
}

impl KafkaBridge {
    /// A bridge by this configuration.
    pub const fn new(config: KafkaBridgeConfig) -> Self {
        Self { config }
    }

    fn client(&self) -> ClientConfig {
        let mut client = client_config(&self.config);
        for (name, value) in DEFAULTS {
            if !self.config.properties.contains_key(name) {
                client.set(name, value);
            }
        }
        for (name, value) in FIXED {
            client.set(name, value);
        }
        client
    }
}

#[async_trait]
impl ProjectionStart for KafkaBridge {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn begin(&self) -> Begin {
        self.config.begin
    }

    async fn start(&self) -> Result<Box<dyn Projection>, Broken> {
        let (tell, delivered) = mpsc::unbounded_channel();
        let producer: Result<ThreadedProducer<Deliveries>, KafkaError> =
            self.client().create_with_context(Deliveries(tell));
        let producer = producer.map_err(|failure| Broken(failure.to_string()))?;
        let asking = tokio::task::spawn_blocking(move || {
            let missing = missing_topics(&producer);
            (producer, missing)
        });
        let (producer, missing) = asking
            .await
            .map_err(|failure| Broken(failure.to_string()))?;
        missing?;
        info!(brokers = self.config.brokers, "publishing to Kafka");
        Ok(Box::new(Bridge {
            producer,
            delivered,
            under_way: 0,
            shards: HashMap::new(),
            generations: HashMap::new(),
            large: None,
            done: VecDeque::new(),
        }))
    }
}

/// A message to a topic that is not there would wait, and its shard with it.
fn missing_topics(producer: &ThreadedProducer<Deliveries>) -> Result<(), Broken> {
    let found = producer.client().fetch_metadata(None, METADATA_MAX);
    let found = found.map_err(|failure| Broken(format!("no broker answers: {failure}")))?;
    let found: HashSet<&str> = found.topics().iter().map(|topic| topic.name()).collect();
    let missing: Vec<&str> = TOPICS
        .into_iter()
        .filter(|topic| !found.contains(topic))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Broken(format!(
        "there is no topic {missing}: make them with `fritzy topics apply`"
    )))
}

/// Hears of deliveries on the producer's own thread.
struct Deliveries(UnboundedSender<Delivery>);

/// What became of one message.
struct Delivery {
    message: Ticket,
    failure: Option<RDKafkaErrorCode>,
}

/// Which message it was, in one word: 16 bits of shard, 8 of generation, 40 of position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    shard: ShardId,
    generation: u8,
    position: Position,
}

/// Positions are told by so many bits; a shard of a trillion events is not to be expected.
const POSITION_BITS: u32 = 40;

impl Ticket {
    fn packed(self) -> usize {
        let position = self.position & ((1 << POSITION_BITS) - 1);
        let packed =
            u64::from(self.shard.0) << 48 | u64::from(self.generation) << POSITION_BITS | position;
        usize::try_from(packed).expect("64 bits")
    }

    fn unpacked(packed: usize) -> Self {
        let packed = packed as u64;
        Self {
            shard: ShardId((packed >> 48) as u16),
            generation: (packed >> POSITION_BITS) as u8,
            position: packed & ((1 << POSITION_BITS) - 1),
        }
    }
}

impl ClientContext for Deliveries {
    fn error(&self, failure: KafkaError, reason: &str) {
        warn!(%failure, reason, "Kafka");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, packed: usize) {
        let failure = match result {
            Ok(_) => None,
            Err((failure, _)) => Some(
                failure
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Fail),
            ),
        };
        let message = Ticket::unpacked(packed);
        // An error means that the bridge is gone: nobody minds any more.
        let _ = self.0.send(Delivery { message, failure });
    }
}

struct Bridge {
    producer: ThreadedProducer<Deliveries>,
    /// Bounded by what is under way.
    delivered: UnboundedReceiver<Delivery>,
    under_way: usize,
    shards: HashMap<ShardId, Window>,
    /// Of shards that were forgotten: the last generation of their windows.
    generations: HashMap<ShardId, u8>,
    /// The large message that is alone under way in its shard.
    large: Option<Ticket>,
    done: VecDeque<Done>,
}

impl Bridge {
    /// Waits for the next delivery.
    async fn hear(&mut self) -> Result<(), Broken> {
        match self.delivered.recv().await {
            Some(delivery) => self.heard(&delivery),
            None => Err(Broken("the producer has ended".into())),
        }
    }

    fn heard(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        self.under_way = self.under_way.saturating_sub(1);
        let Ticket {
            shard,
            generation,
            position,
        } = delivery.message;
        let Some(window) = self.shards.get_mut(&shard) else {
            return Ok(());
        };
        if window.generation != generation {
            return Ok(());
        }
        match delivery.failure {
            None => {
                if let Some(up_to) = window.arrived(position) {
                    self.done.push_back(Done::UpTo(shard, up_to));
                }
                Ok(())
            }
            // Nothing of its shard is behind it.
            Some(code) if is_refusal(code) && self.large == Some(delivery.message) => {
                self.poison(shard, position, &format!("Kafka refuses it: {code}"));
                Ok(())
            }
            Some(code) => Err(Broken(format!("a message was not delivered: {code}"))),
        }
    }

    /// Gives the shard up at this event.
    fn poison(&mut self, shard: ShardId, position: Position, reason: &str) {
        self.leave(shard);
        let reason = reason.to_owned();
        self.done.push_back(Done::Poisoned {
            shard,
            position,
            reason,
        });
    }

    /// Hears no more of what is under way in this shard.
    fn leave(&mut self, shard: ShardId) {
        if let Some(window) = self.shards.remove(&shard) {
            self.generations
                .insert(shard, window.generation.wrapping_add(1));
        }
    }

    fn is_alone(&self, shard: ShardId) -> bool {
        self.shards.get(&shard).is_none_or(Window::is_empty)
    }
}

/// Whether the broker will refuse the message whenever it comes.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
    )
}

#[async_trait]
impl Projection for Bridge {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), Broken> {
        let (shard, position) = (event.shard, event.position);
        let topics = topics(event.event);
        let payload = payload(event.event);
        let key = event.entity.as_uuid().to_string();
        let mut head = OwnedHeaders::new_with_capacity(9);
        for (name, value) in &headers(&event) {
            head = head.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        while self.under_way + topics.len() > UNDER_WAY_MAX {
            self.hear().await?;
        }
        let is_large = payload.len() > LARGE_BYTES;
        while is_large && !self.is_alone(shard) {
            self.hear().await?;
        }
        let generation = self.generations.get(&shard).copied().unwrap_or_default();
        let window = self
            .shards
            .entry(shard)
            .or_insert_with(|| Window::new(generation, position));
        let message = Ticket {
            shard,
            generation: window.generation,
            position,
        };
        window.sent(u8::try_from(topics.len()).expect("few topics"));
        self.large = is_large.then_some(message);
        for topic in topics {
            let mut record = BaseRecord::with_opaque_to(topic, message.packed())
                .key(key.as_str())
                .payload(payload.as_str())
                .headers(head.clone());
            loop {
                match self.producer.send(record) {
                    Ok(()) => {
                        self.under_way += 1;
                        break;
                    }
                    // The library's own queue is full: nothing overtakes what waits here.
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                        record = again;
                        self.hear().await?;
                    }
                    Err((KafkaError::MessageProduction(code), _)) if is_refusal(code) => {
                        self.poison(shard, position, &format!("the client refuses it: {code}"));
                        return Ok(());
                    }
                    Err((failure, _)) => return Err(Broken(failure.to_string())),
                }
            }
        }
        while is_large && !self.is_alone(shard) {
            self.hear().await?;
        }
        Ok(())
    }

    async fn done(&mut self) -> Result<Done, Broken> {
        loop {
            if let Some(done) = self.done.pop_front() {
                return Ok(done);
            }
            self.hear().await?;
        }
    }

    fn forget(&mut self, shard: ShardId) {
        self.leave(shard);
        self.done
            .retain(|done| !matches!(done, Done::UpTo(of, _) if *of == shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_one_word() {
        for (shard, generation, position) in
            [(0, 0, 1), (u16::MAX, u8::MAX, (1 << 40) - 1), (17, 3, 42)]
        {
            let ticket = Ticket {
                shard: ShardId(shard),
                generation,
                position,
            };
            assert_eq!(Ticket::unpacked(ticket.packed()), ticket);
        }
    }
}
