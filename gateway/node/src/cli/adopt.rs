//! `fritzy projections adopt kafka`: gives this database the topics that another copy of it has
//! filled.

use std::time::Duration;

use fritzy_domain::Position;
use fritzy_kafka::{BindingRecord, KafkaBridgeConfig, OperatorTopics, Standing};
use fritzy_persistence::{CursorAdmin, CursorAdminError, TopicAdoption};
use fritzy_types::ShardId;
use serde_json::{Value, json};
use tokio::time::sleep;

/// The only projection that has topics.
pub(super) const KAFKA: &str = "kafka";
/// Attempts: the database that fills the topics may renew its binding at the same time.
const ATTEMPTS_MAX: u32 = 5;
/// For a renewal that was under way, before the topics are looked at again.
const SETTLE: Duration = Duration::from_secs(1);

/// What was done.
#[derive(Debug)]
pub(super) enum Outcome {
    /// No node has published to the topics yet.
    Unbound,
    /// This database fills them already.
    Ours,
    /// It fills them from now on.
    Adopted {
        /// The generation that begins.
        generation: u64,
        /// The number of events that are published again.
        again: u64,
    },
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdoptError {
    /// They are those of another shop, whose events must not be taken for this one's.
    #[error(
        "the topics are filled by another shop: give this one others with --kafka-topic-prefix, or other brokers"
    )]
    AnotherShop,
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] CursorAdminError),
    /// Kafka cannot be used.
    #[error("{0}")]
    Kafka(String),
    /// The other database has bound the topics again each time.
    #[error(
        "the database that fills the topics binds them again each time; stop its nodes, then run this again"
    )]
    Contended,
}

/// Binds the topics to this database, in a new generation.
pub(super) async fn adopt(
    config: &KafkaBridgeConfig,
    admin: &mut CursorAdmin,
) -> Result<Outcome, AdoptError> {
    let topics = OperatorTopics::new(config);
    let topics = topics.map_err(|failure| AdoptError::Kafka(failure.to_string()))?;
    let mut again = None;
    for _ in 0..ATTEMPTS_MAX {
        let Some(record) = topics.binding().await.map_err(AdoptError::Kafka)? else {
            return Ok(Outcome::Unbound);
        };
        let row = admin.topic_binding(record.topics()).await?;
        let generations = admin.generations().await?;
        match (record.standing(row.as_ref(), &generations), again) {
            (Standing::Ours, None) => return Ok(Outcome::Ours),
            (Standing::Ours, Some(again)) => {
                return Ok(Outcome::Adopted {
                    generation: generations.current().number,
                    again,
                });
            }
            (Standing::AnotherShop, _) => return Err(AdoptError::AnotherShop),
            (Standing::AnotherCopy | Standing::LeftBehind | Standing::WentBackwards, _) => {}
        }
        // Otherwise the cursors are those of other topics. A database that was copied before it had
        // published anything has none.
        let has_cursors = row.as_ref().is_some_and(|row| row.is_latest);
        let mut behind = 0;
        let mut kept = Vec::new();
        for (shard, published) in admin.published(KAFKA).await? {
            let cursor = if has_cursors { published.cursor } else { 0 };
            let common = record.common(&generations, shard, cursor);
            behind += published.head - common.min(published.head);
            kept.push((shard, common));
        }
        let adoption = adoption(&record, row.map(|row| row.tokens), kept);
        if !admin.adopt_topics(&adoption).await? {
            continue;
        }
        again = Some(behind);
        let generations = admin.generations().await?;
        let location = admin.location().await?;
        let next = BindingRecord::new(adoption.topics, adoption.tokens, &generations, location);
        topics.bind(&next).await.map_err(AdoptError::Kafka)?;
        sleep(SETTLE).await;
    }
    Err(AdoptError::Contended)
}

fn adoption(
    record: &BindingRecord,
    seen: Option<Vec<uuid::Uuid>>,
    kept: Vec<(ShardId, Position)>,
) -> TopicAdoption {
    TopicAdoption {
        topics: record.topics(),
        seen: seen.unwrap_or_default(),
        tokens: record.taken_over(),
        beyond: record.generation(),
        kept,
    }
}

impl Outcome {
    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Unbound => {
                "kafka: the topics are not bound yet: the first node that publishes binds them\n"
                    .to_owned()
            }
            Self::Ours => "kafka: this database fills the topics already\n".to_owned(),
            Self::Adopted { generation, again } => format!(
                "kafka: the topics are bound to this database; generation {generation} begins, and {again} events are \
                 published again. Nodes of the other database stop publishing within some seconds\n"
            ),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Unbound => json!({ "projection": KAFKA, "adopted": false, "bound": false }),
            Self::Ours => json!({ "projection": KAFKA, "adopted": false, "bound": true }),
            Self::Adopted { generation, again } => json!({
                "projection": KAFKA,
                "adopted": true,
                "bound": true,
                "generation": generation,
                "published_again": again,
            }),
        }
    }
}
