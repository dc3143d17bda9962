//! The bindings of topics in memory.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use tokio::time::Instant;
use uuid::Uuid;

use super::state::{BoundTopics, SharedMemoryStore};

pub(super) struct MemoryTopicBindings(SharedMemoryStore);

impl MemoryTopicBindings {
    pub(super) const fn new(memory: SharedMemoryStore) -> Self {
        Self(memory)
    }
}

#[async_trait]
impl TopicBindings for MemoryTopicBindings {
    async fn location(&self) -> Result<String, StorageError> {
        Ok(format!("memory/{}", self.0.address()))
    }

    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        Ok(self.0.read(|state| {
            let bound = &state.topic_bindings;
            let index = bound.iter().position(|bound| bound.topics == topics)?;
            Some(TopicBinding {
                tokens: bound[index].tokens.clone(),
                age: bound[index].changed.elapsed(),
                is_latest: index + 1 == bound.len(),
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
            let (tokens, changed) = (tokens.to_vec(), Instant::now());
            let mut bound = state.topic_bindings.iter_mut();
            match bound.find(|bound| bound.topics == topics) {
                Some(bound) if bound.tokens == seen => {
                    (bound.tokens, bound.changed) = (tokens, changed);
                    true
                }
                None if seen.is_empty() => {
                    state.topic_bindings.push(BoundTopics {
                        topics,
                        tokens,
                        changed,
                    });
                    true
                }
                Some(_) | None => false,
            }
        }))
    }
}
