//! The topics of one measurement: topics belong to one shop, and each measurement has a new one.

use fritzy_kafka::{KafkaBridgeConfig, TopicSettings, Topics};
use fritzy_projections::Begin;

use crate::BenchError;

/// The settings of `fritzy topics apply`.
const SETTINGS: TopicSettings = TopicSettings {
    partitions: 12,
    retention_ms: 7 * 24 * 3_600 * 1_000,
};

/// Topics with a prefix of their own, to be deleted after the measurement. A killed run leaves
/// them; their names begin with `fritzy-bench-`.
#[derive(Clone)]
pub(super) struct BenchTopics {
    brokers: String,
    prefix: String,
}

impl BenchTopics {
    pub(super) async fn create(brokers: &str) -> Result<Self, BenchError> {
        let topics = Self {
            brokers: brokers.to_owned(),
            prefix: format!("fritzy-bench-{:08x}.", fastrand::u32(..)),
        };
        let created = topics.open()?.apply().await;
        created.map_err(|failure| kafka(&failure))?;
        Ok(topics)
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The configuration of a bridge to them.
    pub(super) fn config(&self, begin: Begin) -> KafkaBridgeConfig {
        KafkaBridgeConfig {
            begin,
            topic_prefix: self.prefix.clone(),
            ..KafkaBridgeConfig::new(&self.brokers)
        }
    }

    /// Messages ever written to them, by the brokers' count.
    pub(super) fn messages(&self) -> Result<u64, BenchError> {
        let counts = self.open()?.message_counts();
        let counts = counts.map_err(|failure| kafka(&failure))?;
        Ok(counts.into_iter().map(|(_, count)| count).sum())
    }

    pub(super) async fn delete(&self) -> Result<(), BenchError> {
        let deleted = self.open()?.delete().await;
        deleted.map_err(|failure| kafka(&failure))
    }

    fn open(&self) -> Result<Topics, BenchError> {
        Topics::new(&self.config(Begin::Start), SETTINGS).map_err(|failure| kafka(&failure))
    }
}

pub(super) fn kafka(failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what: "publishing to --kafka",
        reason: failure.to_string(),
    }
}
