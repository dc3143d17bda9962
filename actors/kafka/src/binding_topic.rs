//! Reading and writing the topic that says which database fills the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::binding_record::BindingRecord;
use crate::client::ClientErrors;
use crate::deliveries::{DeliveryContext, DeliveryToken};

/// Its only partition.
const PARTITION: i32 = 0;
/// The key of every message: compaction keeps the last one.
const KEY: &str = "binding";
/// For the response of a broker.
const RESPONSE_MAX: Duration = Duration::from_secs(5);
/// For one wait of the client library.
const POLL: Duration = Duration::from_millis(100);

/// The topic of the binding. Clones share the clients.
#[derive(Clone)]
pub(super) struct BindingTopic {
    name: String,
    producer: Arc<ThreadedProducer<DeliveryContext>>,
    consumer: Arc<BaseConsumer<ClientErrors>>,
    errors: ClientErrors,
}

impl BindingTopic {
    /// # Errors
    /// When the client library rejects the settings.
    pub(super) fn new(
        name: &str,
        mut client: ClientConfig,
        producer: Arc<ThreadedProducer<DeliveryContext>>,
        errors: ClientErrors,
    ) -> Result<Self, KafkaError> {
        // The library asks for a group; no offset is ever committed, and no group is joined.
        client.set("group.id", "fritzy.binding");
        client.set("enable.auto.commit", "false");
        client.set("auto.offset.reset", "error");
        let consumer = client.create_with_context(errors.clone())?;
        Ok(Self {
            name: name.to_owned(),
            producer,
            consumer: Arc::new(consumer),
            errors,
        })
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
        let ends = self
            .consumer
            .fetch_watermarks(&self.name, PARTITION, RESPONSE_MAX);
        let (first, end) = ends.map_err(|failure| {
            // The library calls back only while it is polled.
            let _ = self.consumer.poll(Duration::ZERO);
            match failure.rdkafka_error_code() {
                Some(code) if !is_local(code) => failed(&failure),
                _ => self.errors.no_response(&failure),
            }
        })?;
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

    /// Queues a record. Its delivery is reported with [`DeliveryToken::BINDING`].
    ///
    /// # Errors
    /// When the producer takes no messages.
    pub(super) fn write(&self, record: &BindingRecord) -> Result<(), String> {
        let payload = record.encode();
        let message = BaseRecord::with_opaque_to(&self.name, DeliveryToken::BINDING.packed());
        let message = message.partition(PARTITION).key(KEY).payload(&payload);
        let queued = self.producer.send(message);
        queued.map_err(|(failure, _)| format!("the topic {}: {failure}", self.name))
    }
}

/// Whether the client library has reported it, and no broker.
fn is_local(code: rdkafka::types::RDKafkaErrorCode) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::Resolve
    )
}
