//! Where messages go, and from whom they say they are.

use std::sync::Arc;

use crate::KafkaBridgeConfig;
use crate::topic_names::TopicNames;

/// Where messages go, and from whom they say they are.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) names: TopicNames,
    /// The CloudEvents attribute `source`.
    pub(super) source: Arc<str>,
}

impl Destination {
    pub(super) fn new(config: &KafkaBridgeConfig) -> Self {
        Self {
            names: TopicNames::new(&config.topic_prefix),
            source: config.source.as_str().into(),
        }
    }
}
