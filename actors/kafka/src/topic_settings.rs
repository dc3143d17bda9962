//! The settings that every topic must have, and how existing topics differ from them; pure.

use std::collections::HashMap;
use std::fmt;

use crate::topic_names::{BINDING_TOPIC, TopicNames};

/// Replicas of each partition where there are enough brokers: one can be lost while another is
/// down.
const REPLICAS: usize = 3;

/// The settings of the topics that operators choose.
#[derive(Clone, Copy, Debug)]
pub struct TopicSettings {
    /// Partitions of each topic: as many consumers of a group can share the work. Cannot be raised
    /// later, because the events of one entity would then be spread over two partitions.
    pub partitions: i32,
    /// How long messages are kept, in milliseconds.
    pub retention_ms: i64,
}

/// A difference between a topic and its required settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDifference {
    /// The topic that differs.
    pub topic: String,
    /// What differs: `topic` if it is missing, `partitions`, `copies`, or the name of a setting.
    pub what: String,
    /// The value that was found.
    pub found: String,
    /// The value that is required.
    pub expected: String,
    /// Whether [`apply`](crate::Topics::apply) corrects it.
    pub correctable: bool,
}

impl TopicDifference {
    /// What an operator can do about a difference that is not corrected.
    pub fn remedy(&self) -> Option<String> {
        let Self {
            topic,
            found,
            expected,
            ..
        } = self;
        match self.what.as_str() {
            "partitions" => Some(format!(
                "left alone: events of one entity would be in two partitions. Accept it with --partitions {found}. Or stop \
                 the consumers of {topic}, delete it, repeat this command, and publish everything again with \
                 `fritzy projections reset kafka --all --to start`"
            )),
            "copies" => Some(format!(
                "left alone: raise it to {expected} with Kafka's kafka-reassign-partitions"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for TopicDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            what,
            found,
            expected,
            ..
        } = self;
        write!(f, "{topic}: {what} is {found}, should be {expected}")
    }
}

/// A topic that exists.
pub(super) struct ExistingTopic {
    pub(super) partitions: usize,
    /// Replicas of the partition that has fewest.
    pub(super) replicas: usize,
    /// All settings, defaults included.
    pub(super) config: HashMap<String, String>,
    /// The settings made for this topic. An alteration resets those that it does not name.
    pub(super) overrides: HashMap<String, String>,
}

impl TopicSettings {
    /// Partitions of a topic.
    pub(super) fn partitions_of(self, topic: &str) -> i32 {
        match topic {
            BINDING_TOPIC => 1,
            _ => self.partitions,
        }
    }

    /// The settings of a topic with so many replicas.
    pub(super) fn required(self, topic: &str, replicas: usize) -> Vec<(&'static str, String)> {
        // With fewer replicas, one broker that is down would block all writes.
        let in_sync = if replicas >= REPLICAS { 2 } else { 1 };
        let mut required = vec![
            ("min.insync.replicas", in_sync.to_string()),
            ("max.message.bytes", "1048588".to_owned()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ];
        required.extend(match topic {
            // Only its last message counts, and that must never be deleted.
            BINDING_TOPIC => vec![
                ("cleanup.policy", "compact".to_owned()),
                // 16 MB. Older messages are removed from full segments only.
                ("segment.bytes", "16777216".to_owned()),
            ],
            _ => vec![
                // Compaction would delete events that no consumer has read.
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", self.retention_ms.to_string()),
                // Neither deletes events before their time.
                ("retention.bytes", "-1".to_owned()),
            ],
        });
        required
    }

    pub(super) fn differences(
        self,
        brokers: usize,
        names: &TopicNames,
        existing: &HashMap<String, ExistingTopic>,
    ) -> Vec<TopicDifference> {
        let mut differences = Vec::new();
        for (topic, full) in names.all() {
            let mut differs = |what: &str, found: String, expected: String, correctable| {
                differences.push(TopicDifference {
                    topic: full.to_owned(),
                    what: what.to_owned(),
                    found,
                    expected,
                    correctable,
                });
            };
            let Some(found) = existing.get(full) else {
                differs("topic", "missing".into(), "there".into(), true);
                continue;
            };
            let partitions = usize::try_from(self.partitions_of(topic)).unwrap_or_default();
            if found.partitions != partitions {
                differs(
                    "partitions",
                    found.partitions.to_string(),
                    partitions.to_string(),
                    false,
                );
            }
            if found.replicas < replicas(brokers) {
                differs(
                    "copies",
                    found.replicas.to_string(),
                    replicas(brokers).to_string(),
                    false,
                );
            }
            for (name, expected) in self.required(topic, found.replicas) {
                let value = found.config.get(name).cloned().unwrap_or_default();
                if value != expected && !exceeds_minimum(name, &value, &expected) {
                    differs(name, value, expected, true);
                }
            }
        }
        differences
    }
}

/// The replicas that so many brokers can hold, up to [`REPLICAS`].
pub(super) fn replicas(brokers: usize) -> usize {
    brokers.clamp(1, REPLICAS)
}

/// Whether a setting with a required minimum exceeds it: an operator has chosen that.
fn exceeds_minimum(name: &str, value: &str, expected: &str) -> bool {
    let at_least = ["min.insync.replicas", "retention.ms", "max.message.bytes"];
    let number = |text: &str| match text.parse::<i64>() {
        // Unlimited.
        Ok(-1) => Some(i64::MAX),
        other => other.ok(),
    };
    at_least.contains(&name) && number(value) > number(expected)
}
