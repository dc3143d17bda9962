//! The bridge: one producer, what is under way, and what is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_projections::{Ack, ProjectedEvent, Projection, ProjectionError};
use fritzy_types::ShardId;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::deliveries::{Deliveries, Delivery, Ticket};
use crate::delivery_watchdog::Stall;
use crate::messages::{headers, payload, topics};
use crate::window::Window;

/// Bytes that one request carries for a partition, at first: a broker takes a megabyte unless it is told otherwise. One
/// that does not is sent less: see [`Bridge`].
pub(super) const BATCH_BYTES: usize = 512 * 1_024;
/// Messages under way at most, over all shards: some MB, and enough that a broker's round trip is never waited for.
const UNDER_WAY_MAX: usize = 20_000;

/// Where nothing else is known.
const HAS_ENDED: &str = "the producer has ended";
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
    /// Whether the producer has given up what waited in it: it sends nothing any more.
    has_ended: bool,
    stall: Stall,
    done: VecDeque<Ack>,
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
            has_ended: false,
            stall,
            done: VecDeque::new(),
        }
    }

    /// Waits for the next delivery.
    async fn hear(&mut self) -> Result<(), ProjectionError> {
        let delivery = tokio::select! {
            biased;
            delivery = self.delivered.recv() => delivery,
            stalled = self.stall.noticed(), if self.under_way > 0 => return Err(stalled),
        };
        let Some(delivery) = delivery else {
            return Err(ProjectionError(HAS_ENDED.into()));
        };
        self.heard(&delivery)?;
        if self.has_ended {
            return Err(self.why_it_ended().await);
        }
        Ok(())
    }

    fn heard(&mut self, delivery: &Delivery) -> Result<(), ProjectionError> {
        self.under_way = self.under_way.saturating_sub(1);
        self.stall.is_moving = true;
        if delivery.failure.is_some_and(is_consequence) {
            self.has_ended = true;
            return Ok(());
        }
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
                    self.done.push_back(Ack::UpTo(shard, up_to));
                }
                Ok(())
            }
            Some(code) if is_refusal(code) => self.refused(delivery.message, code),
            Some(code) => Err(ProjectionError(format!(
                "a message was not delivered: {code}"
            ))),
        }
    }

    /// Why the producer takes no more: what became of one that was under way says it, some moments later. Other threads of
    /// the library than the one that was refused a batch tell what that entails, and may be earlier.
    async fn why_it_ended(&mut self) -> ProjectionError {
        while let Ok(Some(delivery)) = timeout(WHY_MAX, self.delivered.recv()).await {
            if let Err(broken) = self.heard(&delivery) {
                return broken;
            }
            if matches!(self.done.back(), Some(Ack::Poisoned { .. })) {
                break;
            }
        }
        let fatal = self.producer.client().fatal_error();
        ProjectionError(fatal.map_or_else(|| HAS_ENDED.to_owned(), |(_, why)| why))
    }

    /// Gives the shard up at this event, if it is certain that the event is what is refused.
    fn refused(&mut self, message: Ticket, code: RDKafkaErrorCode) -> Result<(), ProjectionError> {
        if self.alone != Some(message) {
            // Every message is larger than some hundred bytes: then each is alone, and this ends.
            let half = (self.batch_bytes / 2).max(1);
            self.next_batch_bytes.store(half, Ordering::Relaxed);
            return Err(ProjectionError(format!(
                "Kafka refuses a batch of up to {} bytes ({code}): the next ones are at most half as large. `fritzy \
                 topics apply` sets what topics take",
                self.batch_bytes
            )));
        }
        self.leave(message.shard);
        self.stopped.insert(message.shard);
        self.done.push_back(Ack::Poisoned {
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

/// Whether it is told of a message that was not sent because the producer has ended, which says nothing about why.
fn is_consequence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::Fatal
    )
}

#[async_trait]
impl Projection for Bridge {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        if self.is_outgrown {
            let told = "a shard that was stopped goes on: the next batches may be large again";
            return Err(ProjectionError(told.into()));
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
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::Fatal), _)) => {
                        return Err(self.why_it_ended().await);
                    }
                    Err((failure, _)) => return Err(ProjectionError(failure.to_string())),
                }
            }
        }
        while must_be_alone && !self.is_alone(shard) {
            self.hear().await?;
        }
        Ok(())
    }

    async fn done(&mut self) -> Result<Ack, ProjectionError> {
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
            .retain(|done| !matches!(done, Ack::UpTo(of, _) if *of == shard));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fritzy_domain::{CommandId, EntityId, Event, EventId, Kind};
    use rdkafka::config::ClientConfig;
    use tokio::sync::mpsc::{self, UnboundedSender};
    use uuid::Uuid;

    use super::super::client::Complaints;
    use super::*;

    const CREATED: &str =
        r#"{"account_id":"0192d3a0-1111-7222-8333-444455556666","personal":{"name":"Ada"},"at":1}"#;

    /// A bridge whose brokers are away; what becomes of its messages is told by the test.
    async fn bridge(batch_bytes: usize) -> (Bridge, UnboundedSender<Delivery>) {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", "127.0.0.1:1");
        let (never, _) = mpsc::unbounded_channel();
        let deliveries = Deliveries {
            tell: never,
            complaints: Complaints::default(),
        };
        let producer = client.create_with_context(deliveries).expect("a client");
        let (tell, delivered) = mpsc::unbounded_channel();
        let next = Arc::new(AtomicUsize::new(batch_bytes));
        let mut bridge = Bridge::new(producer, delivered, next, Stall::new(client));
        let created = Event::decode("account.created", CREATED).expect("an event");
        for shard in 0..2 {
            let taken = bridge.take(ProjectedEvent {
                shard: ShardId(shard),
                position: 1,
                entity: EntityId::from_uuid(Kind::Account, Uuid::nil()),
                version: 1,
                event_id: EventId::from_uuid(Uuid::nil()),
                command: CommandId::from_uuid(Uuid::nil()),
                event: &created,
            });
            taken.await.expect("taken");
        }
        (bridge, tell)
    }

    fn failed(shard: u16, code: RDKafkaErrorCode) -> Delivery {
        let message = Ticket {
            shard: ShardId(shard),
            generation: 0,
            position: 1,
        };
        Delivery {
            message,
            failure: Some(code),
        }
    }

    /// The library tells of both from threads of its own: on a busy machine the consequence came first, the batches stayed
    /// as large, and were refused again.
    #[tokio::test]
    async fn a_refusal_is_heard_also_behind_what_it_entails() {
        let (mut bridge, tell) = bridge(BATCH_BYTES).await;
        let _ = tell.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let _ = tell.send(failed(0, RDKafkaErrorCode::MessageSizeTooLarge));
        let ProjectionError(reason) = bridge.done().await.expect_err("it is broken");
        assert!(reason.contains("Kafka refuses a batch"), "{reason}");
        assert_eq!(
            bridge.next_batch_bytes.load(Ordering::Relaxed),
            BATCH_BYTES / 2
        );
    }

    #[tokio::test]
    async fn an_end_without_a_reason_is_not_waited_for_long() {
        let (mut bridge, tell) = bridge(BATCH_BYTES).await;
        let _ = tell.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let began = Instant::now();
        let ProjectionError(reason) = bridge.done().await.expect_err("it is broken");
        assert_eq!(reason, HAS_ENDED);
        assert!(began.elapsed() < 3 * WHY_MAX);
        assert_eq!(bridge.next_batch_bytes.load(Ordering::Relaxed), BATCH_BYTES);
    }

    #[tokio::test]
    async fn a_message_that_is_refused_alone_is_told_also_behind_what_that_entails() {
        let (mut bridge, tell) = bridge(BATCH_BYTES).await;
        let alone = failed(0, RDKafkaErrorCode::MessageSizeTooLarge);
        bridge.alone = Some(alone.message);
        let _ = tell.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let _ = tell.send(alone);
        bridge.done().await.expect_err("its producer has ended");
        let done = bridge.done().await.expect("told");
        assert!(matches!(
            done,
            Ack::Poisoned {
                shard: ShardId(0),
                ..
            }
        ));
    }
}
