//! A producer that has stalled: it has messages under way and delivers none, while brokers are well for anybody else. One was
//! once seen so after a minute without brokers, for a reason that was not found; a new one starts from the cursors.

use std::time::Duration;

use fritzy_projections::ProjectionError;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::messages::TOPICS;

/// Between two looks: the library waits some seconds between its own tries.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// So many looks in a row that find nothing delivered and the brokers well.
const LOOKS: u32 = 4;
/// For brokers to answer somebody else.
const METADATA_MAX: Duration = Duration::from_secs(5);

/// Looks whether a producer has stalled.
pub(super) struct Stall {
    client: ClientConfig,
    /// Whether something was delivered since the last look.
    pub(super) is_moving: bool,
    next_look: Instant,
    /// How many looks in a row have found that it should move, and does not.
    looks: u32,
    looking: Option<JoinHandle<bool>>,
}

impl Stall {
    /// `client` is how to reach the brokers.
    pub(super) fn new(client: ClientConfig) -> Self {
        Self {
            client,
            is_moving: false,
            next_look: Instant::now() + LOOK_EVERY,
            looks: 0,
            looking: None,
        }
    }

    /// Returns when it has stalled. To be awaited only while messages are under way; it may be dropped at any time, and
    /// awaited again.
    pub(super) async fn noticed(&mut self) -> ProjectionError {
        while self.looks < LOOKS {
            if let Some(looking) = &mut self.looking {
                let are_well = looking.await.unwrap_or(false);
                self.looking = None;
                self.looks = if are_well { self.looks + 1 } else { 0 };
            } else {
                sleep_until(self.next_look).await;
                if std::mem::take(&mut self.is_moving) {
                    self.looks = 0;
                } else {
                    let client = self.client.clone();
                    self.looking = Some(spawn_blocking(move || are_well(&client).unwrap_or(false)));
                }
                self.next_look = Instant::now() + LOOK_EVERY;
            }
        }
        let quiet_s = (LOOK_EVERY * (LOOKS - 1)).as_secs();
        ProjectionError(format!(
            "nothing was delivered for {quiet_s} s, although the brokers are well: the producer has stalled"
        ))
    }
}

/// Whether brokers answer somebody new, and every partition has all its copies: otherwise it is they who are waited for.
fn are_well(client: &ClientConfig) -> Result<bool, KafkaError> {
    let client: BaseProducer = client.create()?;
    let found = client.client().fetch_metadata(None, METADATA_MAX)?;
    Ok(TOPICS.iter().all(|topic| {
        let mut found = found.topics().iter();
        found.any(|one| {
            let partitions = one.partitions();
            one.name() == *topic
                && !partitions.is_empty()
                && partitions.iter().all(|partition| {
                    partition.leader() >= 0 && partition.isr().len() == partition.replicas().len()
                })
        })
    }))
}
