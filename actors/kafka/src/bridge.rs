//! The bridge: one producer, the messages in flight, and the acknowledgements.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::Generation;
use fritzy_projections::{Ack, ProjectedEvent, Projection, ProjectionError};
use fritzy_types::ShardId;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::binding::BindingWatch;
use crate::deliveries::{Delivery, DeliveryContext, DeliveryToken};
use crate::delivery_watchdog::DeliveryWatchdog;
use crate::destination::Destination;
use crate::marker::{queue_markers, undelivered};
use crate::messages::{headers, payload, topics};
use crate::partitions::Partitions;
use crate::window::Window;

/// Bytes that one request carries for a partition, at first. A broker accepts a megabyte unless it
/// is configured otherwise; one that accepts less is sent less, see [`Bridge`].
pub(super) const BATCH_BYTES: usize = 512 * 1_024;
/// Messages in flight at most, over all shards: some MB, and enough to keep the producer busy
/// during a round trip to the broker.
const IN_FLIGHT_MAX: usize = 20_000;

/// The reason where the producer reports none.
const HAS_ENDED: &str = "the producer has ended";
/// For the delivery report that says why the producer has ended.
const FATAL_REASON_MAX: Duration = Duration::from_secs(1);

/// Publishes the events it takes.
///
/// A message that a broker may reject for its size must be the only one in flight in its shard.
/// Otherwise a message behind it might arrive, and precede it in the end. It must also be alone in
/// its batch: a broker rejects batches, and does not say which message is at fault. Only a message
/// of at least `batch_bytes` is both. So when a batch is rejected, the next producer makes batches
/// half as large, until they are accepted or the one message is found.
pub(super) struct Bridge {
    producer: Arc<ThreadedProducer<DeliveryContext>>,
    destination: Destination,
    /// Watches the partitions of the topics until this is dropped.
    _watching: AbortOnDropHandle<()>,
    binding: BindingWatch,
    /// Bounded by the messages in flight.
    delivered: UnboundedReceiver<Delivery>,
    in_flight: usize,
    shards: HashMap<ShardId, Window>,
    /// The next generation of the windows of shards that were dropped.
    generations: HashMap<ShardId, u8>,
    /// Bytes of a batch of this producer; `next_batch_bytes` are those of the next one.
    batch_bytes: usize,
    next_batch_bytes: Arc<AtomicUsize>,
    /// The message that is alone in its batch, and alone in flight in its shard.
    alone: Option<DeliveryToken>,
    /// Shards with a rejected event: nothing behind it is sent until an operator has decided about
    /// it.
    stopped: HashSet<ShardId>,
    /// Whether the batches of the next producer may be larger.
    may_grow: bool,
    /// Whether the producer has dropped its queue after a fatal error: it sends nothing any more.
    has_ended: bool,
    watchdog: DeliveryWatchdog,
    acks: VecDeque<Ack>,
}

impl Bridge {
    pub(super) fn new(
        producer: Arc<ThreadedProducer<DeliveryContext>>,
        destination: Destination,
        watching: AbortOnDropHandle<()>,
        binding: BindingWatch,
        delivered: UnboundedReceiver<Delivery>,
        batch_bytes: Arc<AtomicUsize>,
        watchdog: DeliveryWatchdog,
    ) -> Self {
        Self {
            producer,
            destination,
            _watching: watching,
            binding,
            delivered,
            in_flight: 0,
            shards: HashMap::new(),
            generations: HashMap::new(),
            batch_bytes: batch_bytes.load(Ordering::Relaxed),
            next_batch_bytes: batch_bytes,
            alone: None,
            stopped: HashSet::new(),
            may_grow: false,
            has_ended: false,
            watchdog,
            acks: VecDeque::new(),
        }
    }

    /// Queues the markers of a generation, before anything else. A producer that does not deliver
    /// them ends, and the next one begins with them again.
    pub(super) fn announce(
        &mut self,
        generation: &Generation,
        partitions: &Partitions,
    ) -> Result<(), ProjectionError> {
        let queued = queue_markers(&self.producer, generation, partitions, &self.destination);
        self.in_flight += queued.map_err(|error| ProjectionError::Failed(error.to_string()))?;
        Ok(())
    }

    /// Waits for the next delivery report.
    async fn receive_report(&mut self) -> Result<(), ProjectionError> {
        let delivery = tokio::select! {
            biased;
            reason = self.binding.lost() => return Err(ProjectionError::Waits(reason)),
            delivery = self.delivered.recv() => delivery,
            stalled = self.watchdog.stalled(), if self.in_flight > 0 => return Err(stalled),
        };
        let Some(delivery) = delivery else {
            return Err(ProjectionError::Failed(HAS_ENDED.into()));
        };
        self.handle_report(&delivery)?;
        if self.has_ended {
            return Err(self.fatal_reason().await);
        }
        Ok(())
    }

    fn handle_report(&mut self, delivery: &Delivery) -> Result<(), ProjectionError> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.watchdog.delivered();
        if delivery.error.is_some_and(is_consequence) {
            self.has_ended = true;
            return Ok(());
        }
        if let (DeliveryToken::MARKER, Some(code)) = (delivery.token, delivery.error) {
            return Err(ProjectionError::Failed(undelivered(code)));
        }
        let DeliveryToken {
            shard,
            generation,
            position,
        } = delivery.token;
        let Some(window) = self.shards.get_mut(&shard) else {
            return Ok(());
        };
        if window.generation != generation {
            return Ok(());
        }
        match delivery.error {
            None => {
                if let Some(up_to) = window.delivered(position) {
                    self.acks.push_back(Ack::UpTo(shard, up_to));
                }
                Ok(())
            }
            Some(code) if is_rejection(code) => self.rejected(delivery.token, code),
            Some(code) => Err(ProjectionError::Failed(format!(
                "a message was not delivered: {code}"
            ))),
        }
    }

    /// Why the producer has ended. The report of the rejected message says it, some milliseconds
    /// later: reports of the messages dropped for it come from other threads of the library, and
    /// may be earlier.
    async fn fatal_reason(&mut self) -> ProjectionError {
        while let Ok(Some(delivery)) = timeout(FATAL_REASON_MAX, self.delivered.recv()).await {
            if let Err(error) = self.handle_report(&delivery) {
                return error;
            }
            if matches!(self.acks.back(), Some(Ack::Poisoned { .. })) {
                break;
            }
        }
        let fatal = self.producer.client().fatal_error();
        ProjectionError::Failed(fatal.map_or_else(|| HAS_ENDED.to_owned(), |(_, why)| why))
    }

    /// Stops the shard at this event, if it is certain that this event was rejected.
    fn rejected(
        &mut self,
        token: DeliveryToken,
        code: RDKafkaErrorCode,
    ) -> Result<(), ProjectionError> {
        if self.alone != Some(token) {
            // Every message has some hundred bytes at least: at the latest then each is alone.
            let half = (self.batch_bytes / 2).max(1);
            self.next_batch_bytes.store(half, Ordering::Relaxed);
            return Err(ProjectionError::Failed(format!(
                "Kafka rejects a batch of up to {} bytes ({code}): the next ones are at most half as large. \
                 `fritzy topics apply` sets the limit of the topics",
                self.batch_bytes
            )));
        }
        self.drop_window(token.shard);
        self.stopped.insert(token.shard);
        self.acks.push_back(Ack::Poisoned {
            shard: token.shard,
            position: token.position,
            reason: format!("Kafka rejects it: {code}"),
        });
        Ok(())
    }

    /// Ignores the reports of all messages in flight in this shard.
    fn drop_window(&mut self, shard: ShardId) {
        if let Some(window) = self.shards.remove(&shard) {
            self.generations
                .insert(shard, window.generation.wrapping_add(1));
        }
    }

    fn is_alone(&self, shard: ShardId) -> bool {
        self.shards.get(&shard).is_none_or(Window::is_empty)
    }
}

/// Whether the broker will reject the message each time.
fn is_rejection(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
    )
}

/// Whether a message was not sent because the producer has ended. That does not say why it has.
fn is_consequence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::Fatal
    )
}

#[async_trait]
impl Projection for Bridge {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        if self.may_grow {
            let reason = "a stopped shard continues: the next batches may be large again";
            return Err(ProjectionError::Failed(reason.into()));
        }
        if let Some(reason) = self.binding.objection() {
            return Err(ProjectionError::Waits(reason));
        }
        let (shard, position) = (event.shard, event.position);
        if self.stopped.contains(&shard) {
            return Ok(());
        }
        let topics = topics(event.event);
        let payload = payload(event.event);
        let key = event.entity.as_uuid().to_string();
        let mut head = OwnedHeaders::new_with_capacity(12);
        let mut head_bytes = key.len();
        for (name, value) in &headers(&event, &self.destination.source) {
            head_bytes += name.len() + value.len();
            head = head.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        while self.in_flight + topics.len() > IN_FLIGHT_MAX {
            self.receive_report().await?;
        }
        // A lower bound: on the wire the message is a little larger.
        let bytes = payload.len() + head_bytes;
        let must_be_alone = bytes >= self.batch_bytes;
        while must_be_alone && !self.is_alone(shard) {
            self.receive_report().await?;
        }
        let generation = self.generations.get(&shard).copied().unwrap_or_default();
        let window = self
            .shards
            .entry(shard)
            .or_insert_with(|| Window::new(generation, position));
        let token = DeliveryToken {
            shard,
            generation: window.generation,
            position,
        };
        window.sent(u8::try_from(topics.len()).expect("few topics"));
        self.alone = must_be_alone.then_some(token);
        for topic in topics {
            let names = self.destination.names.clone();
            let mut record = BaseRecord::with_opaque_to(names.full(topic), token.packed())
                .key(key.as_str())
                .payload(payload.as_str())
                .headers(head.clone());
            loop {
                match self.producer.send(record) {
                    Ok(()) => {
                        self.in_flight += 1;
                        break;
                    }
                    // The queue of the library is full: no message overtakes the one that waits
                    // here.
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), rejected)) => {
                        record = rejected;
                        self.receive_report().await?;
                    }
                    Err((KafkaError::MessageProduction(code), _)) if is_rejection(code) => {
                        return self.rejected(token, code);
                    }
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::Fatal), _)) => {
                        return Err(self.fatal_reason().await);
                    }
                    Err((error, _)) => return Err(ProjectionError::Failed(error.to_string())),
                }
            }
        }
        while must_be_alone && !self.is_alone(shard) {
            self.receive_report().await?;
        }
        Ok(())
    }

    async fn next_ack(&mut self) -> Result<Ack, ProjectionError> {
        loop {
            if let Some(ack) = self.acks.pop_front() {
                return Ok(ack);
            }
            self.receive_report().await?;
        }
    }

    fn forget(&mut self, shard: ShardId) {
        self.drop_window(shard);
        if self.stopped.remove(&shard) && self.batch_bytes < BATCH_BYTES {
            // An operator has dealt with the rejected event.
            self.next_batch_bytes.store(BATCH_BYTES, Ordering::Relaxed);
            self.may_grow = true;
        }
        self.acks
            .retain(|ack| !matches!(ack, Ack::UpTo(of, _) if *of == shard));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fritzy_domain::{CommandId, EntityId, Event, EventId, Kind};
    use rdkafka::config::ClientConfig;
    use tokio::sync::mpsc::{self, UnboundedSender};
    use uuid::Uuid;

    use super::*;
    use crate::KafkaBridgeConfig;
    use crate::client::ClientErrors;

    const CREATED: &str =
        r#"{"account_id":"0192d3a0-1111-7222-8333-444455556666","personal":{"name":"Ada"},"at":1}"#;

    /// A bridge whose brokers are down. The test sends the delivery reports.
    async fn bridge(batch_bytes: usize) -> (Bridge, UnboundedSender<Delivery>) {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", "127.0.0.1:1");
        let (never, _) = mpsc::unbounded_channel();
        let context = DeliveryContext {
            sender: never,
            errors: ClientErrors::default(),
        };
        let producer = client.create_with_context(context).expect("a client");
        let (sender, delivered) = mpsc::unbounded_channel();
        let next = Arc::new(AtomicUsize::new(batch_bytes));
        let watching = AbortOnDropHandle::new(tokio::spawn(async {}));
        let watchdog = DeliveryWatchdog::new(client);
        let mut bridge = Bridge::new(
            Arc::new(producer),
            Destination::new(&KafkaBridgeConfig::new("")),
            watching,
            BindingWatch::unwatched(),
            delivered,
            next,
            watchdog,
        );
        let created = Event::decode("account.created", CREATED).expect("an event");
        for shard in 0..2 {
            let taken = bridge.take(ProjectedEvent {
                shard: ShardId(shard),
                position: 1,
                generation: 1,
                entity: EntityId::from_uuid(Kind::Account, Uuid::nil()),
                version: 1,
                event_id: EventId::from_uuid(Uuid::nil()),
                command: CommandId::from_uuid(Uuid::nil()),
                event: &created,
            });
            taken.await.expect("taken");
        }
        (bridge, sender)
    }

    fn failed(shard: u16, code: RDKafkaErrorCode) -> Delivery {
        let token = DeliveryToken {
            shard: ShardId(shard),
            generation: 0,
            position: 1,
        };
        Delivery {
            token,
            error: Some(code),
        }
    }

    /// The library sends both reports from threads of its own. On a busy machine the consequence
    /// came first; the batches stayed as large, and were rejected again.
    #[tokio::test]
    async fn rejected_batch_is_found_behind_its_consequences() {
        let (mut bridge, sender) = bridge(BATCH_BYTES).await;
        let _ = sender.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let _ = sender.send(failed(0, RDKafkaErrorCode::MessageSizeTooLarge));
        let failure = bridge.next_ack().await.expect_err("it has failed");
        let reason = failure.to_string();
        assert!(reason.contains("Kafka rejects a batch"), "{reason}");
        assert_eq!(
            bridge.next_batch_bytes.load(Ordering::Relaxed),
            BATCH_BYTES / 2
        );
    }

    #[tokio::test]
    async fn producer_end_without_reason_is_reported_in_time() {
        let (mut bridge, sender) = bridge(BATCH_BYTES).await;
        let _ = sender.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let began = Instant::now();
        let failure = bridge.next_ack().await.expect_err("it has failed");
        let reason = failure.to_string();
        assert_eq!(reason, HAS_ENDED);
        assert!(began.elapsed() < 3 * FATAL_REASON_MAX);
        assert_eq!(bridge.next_batch_bytes.load(Ordering::Relaxed), BATCH_BYTES);
    }

    #[tokio::test]
    async fn rejected_message_is_poisoned_behind_its_consequences() {
        let (mut bridge, sender) = bridge(BATCH_BYTES).await;
        let alone = failed(0, RDKafkaErrorCode::MessageSizeTooLarge);
        bridge.alone = Some(alone.token);
        let _ = sender.send(failed(1, RDKafkaErrorCode::PurgeQueue));
        let _ = sender.send(alone);
        bridge.next_ack().await.expect_err("its producer has ended");
        let ack = bridge.next_ack().await.expect("acknowledged");
        assert!(matches!(
            ack,
            Ack::Poisoned {
                shard: ShardId(0),
                ..
            }
        ));
    }
}
