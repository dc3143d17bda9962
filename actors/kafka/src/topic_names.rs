//! The names of the topics on the brokers: those of [`TOPICS`] behind a prefix.

use std::sync::Arc;

use crate::messages::TOPICS;

/// The topic that says which database fills the others.
pub const BINDING_TOPIC: &str = "fritzy.binding";
/// Characters of a prefix at most: Kafka allows 249 in a name.
const PREFIX_CHARS_MAX: usize = 200;

/// All topics, the one of the binding included, and their names on the brokers. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct TopicNames(Arc<[(&'static str, String)]>);

impl TopicNames {
    pub(super) fn new(prefix: &str) -> Self {
        let topics = TOPICS.into_iter().chain([BINDING_TOPIC]);
        Self(
            topics
                .map(|topic| (topic, format!("{prefix}{topic}")))
                .collect(),
        )
    }

    /// The name of a topic on the brokers.
    pub(super) fn full<'n>(&'n self, topic: &'n str) -> &'n str {
        let found = self.0.iter().find(|(name, _)| *name == topic);
        found.map_or(topic, |(_, full)| full)
    }

    /// All topics with their names on the brokers.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(topic, full)| (*topic, full.as_str()))
    }
}

/// Checks a prefix of topics.
///
/// # Errors
/// When it is too long, or has characters that Kafka does not allow in the name of a topic.
pub fn check_topic_prefix(prefix: &str) -> Result<(), String> {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    if let Some(char) = prefix.chars().find(|char| !is_allowed(*char)) {
        return Err(format!(
            "{char:?} is not allowed in the name of a topic: only letters, digits, `.`, `_` and `-` are"
        ));
    }
    if prefix.len() > PREFIX_CHARS_MAX {
        return Err(format!("longer than {PREFIX_CHARS_MAX} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_their_names_behind_the_prefix() {
        let names = TopicNames::new("staging.");
        assert_eq!(names.full("order.events"), "staging.order.events");
        assert_eq!(names.full(BINDING_TOPIC), "staging.fritzy.binding");
        assert_eq!(names.all().count(), TOPICS.len() + 1);
        assert_eq!(TopicNames::new("").full("order.events"), "order.events");
    }

    #[test]
    fn prefix_that_kafka_does_not_allow_is_refused() {
        assert_eq!(check_topic_prefix("staging-2_a."), Ok(()));
        assert_eq!(check_topic_prefix(""), Ok(()));
        for (prefix, part) in [("a b", "' '"), ("a/b", "'/'"), (&"x".repeat(201), "200")] {
            let refused = check_topic_prefix(prefix).expect_err(prefix);
            assert!(refused.contains(part), "{refused}");
        }
    }
}
