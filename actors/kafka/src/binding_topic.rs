//! Reading and writing the topic that says which database fills the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::{Fingerprint, FingerprintBuilder};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use uuid::{Builder, Uuid};

use crate::KafkaBridgeConfig;
use crate::binding_record::BindingRecord;
use crate::client::{ClientErrors, client_config};
use crate::topic_names::{BINDING_TOPIC, TopicNames};

/// Its only partition.
const PARTITION: i32 = 0;
/// The key of every message: compaction keeps the last one.
const KEY: &str = "binding";
/// For the response of a broker.
const RESPONSE_MAX: Duration = Duration::from_secs(5);
/// For one attempt of the client library.
const ATTEMPT_MAX: Duration = Duration::from_secs(1);
/// For one wait of the client library.
const POLL: Duration = Duration::from_millis(100);

/// The topic of the binding. Clones share the clients.
#[derive(Clone)]
pub(super) struct BindingTopic {
    name: String,
    /// Of its own: that of the events may hold its messages back, and must not be delayed by this.
    producer: FutureProducer<ClientErrors>,
    consumer: Arc<BaseConsumer<ClientErrors>>,
    errors: ClientErrors,
}

impl BindingTopic {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// When the client library rejects the settings.
    pub(super) fn new(
        config: &KafkaBridgeConfig,
        errors: ClientErrors,
    ) -> Result<Self, KafkaError> {
        let mut writing = client_config(config);
        writing.set("acks", "all");
        writing.set("linger.ms", "0");
        writing.set("message.timeout.ms", RESPONSE_MAX.as_millis().to_string());
        let mut reading = client_config(config);
        // The library asks for a group; no offset is ever committed, and no group is joined.
        reading.set("group.id", "fritzy.binding");
        reading.set("enable.auto.commit", "false");
        reading.set("auto.offset.reset", "error");
        Ok(Self {
            name: TopicNames::new(&config.topic_prefix)
                .full(BINDING_TOPIC)
                .to_owned(),
            producer: writing.create_with_context(errors.clone())?,
            consumer: Arc::new(reading.create_with_context(errors.clone())?),
            errors,
        })
    }

    /// The id of these topics for a shop. All nodes of a shop that find topics without a record at
    /// the same time have the same, and other brokers or another prefix have another.
    pub(super) async fn id_for(&self, shop: Uuid) -> Result<Uuid, String> {
        let topic = self.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let client = topic.consumer.client();
            // Brokers that tell none are told apart by the prefix alone.
            client.fetch_cluster_id(ATTEMPT_MAX).unwrap_or_default()
        });
        let brokers = asking.await.map_err(|failure| failure.to_string())?;
        let parts = FingerprintBuilder::default().text(&shop.to_string());
        let Fingerprint(hash) = parts.text(&brokers).text(&self.name).finish();
        // Version 8 of RFC 9562: custom bytes.
        Ok(Builder::from_custom_bytes(hash).into_uuid())
    }

    /// The last record; `None` if there is none.
    ///
    /// # Errors
    /// When no broker responds, the topic cannot be read, or its last message is not a record of
    /// this version.
    pub(super) async fn read(&self) -> Result<Option<BindingRecord>, String> {
        let topic = self.clone();
        let reading = tokio::task::spawn_blocking(move || topic.read_last());
        reading.await.map_err(|failure| failure.to_string())?
    }

    fn read_last(&self) -> Result<Option<BindingRecord>, String> {
        let failed = |failure: &KafkaError| format!("the topic {}: {failure}", self.name);
        let (first, end) = self.ends()?;
        if end <= first {
            return Ok(None);
        }
        let mut last = TopicPartitionList::new();
        let added = last.add_partition_offset(&self.name, PARTITION, Offset::Offset(end - 1));
        added.map_err(|failure| failed(&failure))?;
        self.consumer
            .assign(&last)
            .map_err(|failure| failed(&failure))?;
        let read = self.wait_for_message();
        let unassigned = self.consumer.unassign();
        unassigned.map_err(|failure| failed(&failure))?;
        let record = BindingRecord::decode(&read?)
            .map_err(|why| format!("the last message of the topic {}: {why}", self.name))?;
        Ok(Some(record))
    }

    /// The first offset, and the one behind the last.
    fn ends(&self) -> Result<(i64, i64), String> {
        let began = Instant::now();
        loop {
            let ends = self
                .consumer
                .fetch_watermarks(&self.name, PARTITION, ATTEMPT_MAX);
            let failure = match ends {
                Ok(ends) => return Ok(ends),
                Err(failure) => failure,
            };
            // The library calls back only while it is polled.
            let _ = self.consumer.poll(Duration::ZERO);
            let code = failure.rdkafka_error_code();
            if code.is_some_and(is_transient) && began.elapsed() < RESPONSE_MAX {
                std::thread::sleep(POLL);
                // Otherwise the library may wait for a leader that it has found missing once.
                let _ = self.consumer.fetch_metadata(Some(&self.name), ATTEMPT_MAX);
                continue;
            }
            return Err(match code {
                Some(code) if !is_local(code) => format!("the topic {}: {failure}", self.name),
                _ => self.errors.no_response(&failure),
            });
        }
    }

    fn wait_for_message(&self) -> Result<Vec<u8>, String> {
        let began = Instant::now();
        while began.elapsed() < RESPONSE_MAX {
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => return Ok(message.payload().unwrap_or_default().to_vec()),
                // A lost connection is opened again.
                Some(Err(failure)) if failure.rdkafka_error_code().is_some_and(is_local) => {}
                Some(Err(failure)) => return Err(format!("the topic {}: {failure}", self.name)),
            }
        }
        Err(format!(
            "the topic {}: its last message does not arrive",
            self.name
        ))
    }

    /// Writes a record, and returns once the brokers have it.
    ///
    /// # Errors
    /// When they do not accept it in time. It may still arrive.
    pub(super) async fn write(&self, record: &BindingRecord) -> Result<(), String> {
        let payload = record.encode();
        let message = FutureRecord::to(&self.name);
        let message = message.partition(PARTITION).key(KEY).payload(&payload);
        let written = self.producer.send(message, RESPONSE_MAX).await;
        written
            .map(|_| ())
            .map_err(|(failure, _)| format!("the topic {}: {failure}", self.name))
    }
}

/// Whether it passes by itself within some seconds: the topic was just created, or another broker
/// leads it from now on.
fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

/// Whether the client library has reported it, and no broker.
fn is_local(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve
    )
}
