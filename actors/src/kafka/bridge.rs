//! The bridge: one producer, what is under way, and what is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::ShardId;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ThreadedProducer};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::deliveries::{Deliveries, Delivery, Ticket};
use super::messages::{headers, payload, topics};
use super::stall::Stall;
use super::window::Window;
use crate::projection::{Broken, Done, ProjectedEvent, Projection};

/// Bytes that one request carries for a partition, at first: a broker takes a megabyte unless it is told otherwise. One
/// that does not is sent less: see [`Bridge`].
pub(super) const BATCH_BYTES: usize = 512 * 1_024;
/// Messages under way at most, over all shards: some MB, and enough that a broker's round trip is never waited for.
const UNDER_WAY_MAX: usize = 20_000;

/// For hearing why the producer has ended.
const WHY_MAX: Duration = Duration::from_secs(1);

/// Publishes what it is handed. A message that a broker may refuse for its size must be alone under way in its shard:
/// otherwise what is behind it might have arrived, and come before it in the end. And it must be alone in its batch: a
/// broker refuses batches, and says nothing about the messages in it. Only one of at least `batch_bytes` is both. So when
/// a batch is refused, the next producer makes them half as large, until they are taken, or the one message is found.
pub(super) struct Bridge {
    producer: ThreadedProducer<Deliveries>,
    /// Bounded by what is under way.
    delivered: UnboundedReceiver<Delivery>,
    under_way: usize,
    shards: HashMap<ShardId, Window>,
    /// Of shards that were forgotten: the last generation of their windows.
    generations: HashMap<ShardId, u8>,
    /// Bytes of a batch: what this producer makes, and what the next one will.
    batch_bytes: usize,
    next_batch_bytes: Arc<AtomicUsize>,
    /// The message that is alone under way in its shard, and alone in its batch.
    alone: Option<Ticket>,
    /// Shards with an event that is refused: nothing behind it goes out before somebody has decided about it.
    stopped: HashSet<ShardId>,
    /// Whether the next producer's batches may be larger.
    is_outgrown: bool,
    stall: Stall,
    done: VecDeque<Done>,
}

impl Bridge {
    pub(super) fn new(
        producer: ThreadedProducer<Deliveries>,
        delivered: UnboundedReceiver<Delivery>,
        batch_bytes: Arc<AtomicUsize>,
        stall: Stall,
    ) -> Self {
        Self {
            producer,
            delivered,
            under_way: 0,
            shards: HashMap::new(),
            generations: HashMap::new(),
            batch_bytes: batch_bytes.load(Ordering::Relaxed),
            next_batch_bytes: batch_bytes,
            alone: None,
            stopped: HashSet::new(),
            is_outgrown: false,
            stall,
            done: VecDeque::new(),
        }
    }

    /// Waits for the next delivery.
    async fn hear(&mut self) -> Result<(), Broken> {
        tokio::select! {
            biased;
            delivery = self.delivered.recv() => match delivery {
                Some(delivery) => self.heard(&delivery),
                None => Err(Broken("the producer has ended".into())),
            },
            stalled = self.stall.noticed(), if self.under_way > 0 => Err(stalled),
        }
    }

    fn heard(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        self.under_way = self.under_way.saturating_sub(1);
        self.stall.is_moving = true;
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
            Some(code) if is_refusal(code) => self.refused(delivery.message, code),
            Some(code) => Err(Broken(format!("a message was not delivered: {code}"))),
        }
    }

    /// Why the producer takes no more: what became of what is under way says it, some moments later.
    async fn why_it_ended(&mut self, failure: &KafkaError) -> Broken {
        while let Ok(Some(delivery)) = timeout(WHY_MAX, self.delivered.recv()).await {
            if let Err(broken) = self.heard(&delivery) {
                return broken;
            }
        }
        Broken(failure.to_string())
    }

    /// Gives the shard up at this event, if it is certain that the event is what is refused.
    fn refused(&mut self, message: Ticket, code: RDKafkaErrorCode) -> Result<(), Broken> {
        if self.alone != Some(message) {
            // Every message is larger than some hundred bytes: then each is alone, and this ends.
            let half = (self.batch_bytes / 2).max(1);
            self.next_batch_bytes.store(half, Ordering::Relaxed);
            return Err(Broken(format!(
                "Kafka refuses a batch of up to {} bytes ({code}): the next ones are at most half as large. `fritzy \
                 topics apply` sets what topics take",
                self.batch_bytes
            )));
        }
        self.leave(message.shard);
        self.stopped.insert(message.shard);
        self.done.push_back(Done::Poisoned {
            shard: message.shard,
            position: message.position,
            reason: format!("Kafka refuses it: {code}"),
        });
        Ok(())
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
        if self.is_outgrown {
            let told = "a shard that was stopped goes on: the next batches may be large again";
            return Err(Broken(told.into()));
        }
        let (shard, position) = (event.shard, event.position);
        if self.stopped.contains(&shard) {
            return Ok(());
        }
        let topics = topics(event.event);
        let payload = payload(event.event);
        let key = event.entity.as_uuid().to_string();
        let mut head = OwnedHeaders::new_with_capacity(9);
        let mut head_bytes = key.len();
        for (name, value) in &headers(&event) {
            head_bytes += name.len() + value.len();
            head = head.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        while self.under_way + topics.len() > UNDER_WAY_MAX {
            self.hear().await?;
        }
        // A little less than it will have on its way: at least it is as large as this.
        let bytes = payload.len() + head_bytes;
        let must_be_alone = bytes >= self.batch_bytes;
        while must_be_alone && !self.is_alone(shard) {
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
        self.alone = must_be_alone.then_some(message);
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
                        return self.refused(message, code);
                    }
                    Err((failure, _)) => return Err(self.why_it_ended(&failure).await),
                }
            }
        }
        while must_be_alone && !self.is_alone(shard) {
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
        if self.stopped.remove(&shard) && self.batch_bytes < BATCH_BYTES {
            // Somebody has seen to what was refused.
            self.next_batch_bytes.store(BATCH_BYTES, Ordering::Relaxed);
            self.is_outgrown = true;
        }
        self.done
            .retain(|done| !matches!(done, Done::UpTo(of, _) if *of == shard));
    }
}
