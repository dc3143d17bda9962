//! Detects a stalled producer: it has messages in flight and delivers none, although the brokers
//! are healthy for other clients. One stalled after a minute without brokers, for a reason that was
//! not found. A new producer starts from the cursors.

use std::time::Duration;

use fritzy_projections::ProjectionError;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::messages::TOPICS;

/// Interval between two checks: the library waits some seconds between its own retries.
const CHECK_INTERVAL: Duration = Duration::from_secs(20);
/// Checks in a row that have to find nothing delivered and the brokers healthy.
const CHECKS: u32 = 4;
/// For a response of the brokers to another client.
const METADATA_MAX: Duration = Duration::from_secs(5);

/// Watches the deliveries of one producer.
pub(super) struct DeliveryWatchdog {
    client: ClientConfig,
    /// Whether a message was delivered since the last check.
    has_delivered: bool,
    next_check: Instant,
    /// Checks in a row that have found the producer stalled.
    stalled_checks: u32,
    probe: Option<JoinHandle<bool>>,
}

impl DeliveryWatchdog {
    /// `client` has the settings by which the brokers are reached.
    pub(super) fn new(client: ClientConfig) -> Self {
        Self {
            client,
            has_delivered: false,
            next_check: Instant::now() + CHECK_INTERVAL,
            stalled_checks: 0,
            probe: None,
        }
    }

    /// Notes that a message was delivered.
    pub(super) const fn delivered(&mut self) {
        self.has_delivered = true;
    }

    /// Returns when the producer has stalled. Cancel-safe; to be awaited only while messages are in
    /// flight.
    pub(super) async fn stalled(&mut self) -> ProjectionError {
        while self.stalled_checks < CHECKS {
            if let Some(probe) = &mut self.probe {
                let are_healthy = probe.await.unwrap_or(false);
                self.probe = None;
                self.stalled_checks = if are_healthy {
                    self.stalled_checks + 1
                } else {
                    0
                };
            } else {
                sleep_until(self.next_check).await;
                if std::mem::take(&mut self.has_delivered) {
                    self.stalled_checks = 0;
                } else {
                    let client = self.client.clone();
                    self.probe = Some(spawn_blocking(move || {
                        are_healthy(&client).unwrap_or(false)
                    }));
                }
                self.next_check = Instant::now() + CHECK_INTERVAL;
            }
        }
        let quiet_s = (CHECK_INTERVAL * (CHECKS - 1)).as_secs();
        ProjectionError::Failed(format!(
            "nothing was delivered for {quiet_s} s, although the brokers are healthy: the producer has stalled"
        ))
    }
}

/// Whether brokers respond to a new client, and all replicas of every partition are in sync.
/// Otherwise the producer rightly waits for them.
fn are_healthy(client: &ClientConfig) -> Result<bool, KafkaError> {
    let client: BaseProducer = client.create()?;
    let found = client.client().fetch_metadata(None, METADATA_MAX)?;
    Ok(TOPICS.iter().all(|topic| {
        found.topics().iter().any(|found| {
            let partitions = found.partitions();
            found.name() == *topic
                && !partitions.is_empty()
                && partitions.iter().all(|partition| {
                    partition.leader() >= 0 && partition.isr().len() == partition.replicas().len()
                })
        })
    }))
}
