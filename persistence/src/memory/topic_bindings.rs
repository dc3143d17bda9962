//! The bindings of topics in memory.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use tokio::time::Instant;
use uuid::Uuid;

use super::state::SharedMemoryStore;

pub(super) struct MemoryTopicBindings(SharedMemoryStore);

impl MemoryTopicBindings {
    pub(super) const fn new(memory: SharedMemoryStore) -> Self {
        Self(memory)
    }
}

#[async_trait]
impl TopicBindings for MemoryTopicBindings {
    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        Ok(self.0.read(|state| {
            let (tokens, changed) = state.topic_bindings.get(&topics)?;
            Some(TopicBinding {
                tokens: tokens.clone(),
                age: changed.elapsed(),
            })
        }))
    }

    async fn bind_topics(
        &self,
        topics: Uuid,
        seen: &[Uuid],
        tokens: &[Uuid],
    ) -> Result<bool, StorageError> {
        Ok(self.0.change(|state| {
            let found = state.topic_bindings.get(&topics);
            let found = found.map_or(&[][..], |(tokens, _)| tokens);
            let is_same = found == seen;
            if is_same {
                let changed = (tokens.to_vec(), Instant::now());
                state.topic_bindings.insert(topics, changed);
            }
            is_same
        }))
    }
}
