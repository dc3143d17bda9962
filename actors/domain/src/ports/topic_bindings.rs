//! The binding of topics to the database whose events fill them.
//!
//! A copy of a database has the same rows, so they alone cannot tell the two apart. What tells is a
//! token that database and topics share, and that the nodes of the database replace every few
//! seconds: that of a copy stays behind.

use std::time::Duration;

use async_trait::async_trait;
use fritzy_types::StorageError;
use uuid::Uuid;

/// What a database knows of the topics that it fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicBinding {
    /// The tokens, newest first; never empty. The first one may not be on the topics yet.
    pub tokens: Vec<Uuid>,
    /// How long ago the first one was added, by the clock of the store.
    pub age: Duration,
    /// Whether the database has filled no other topics since it began to fill these. Otherwise its
    /// cursors say nothing about these.
    pub is_latest: bool,
}

/// The saved bindings.
#[async_trait]
pub trait TopicBindings: Send + Sync {
    /// Where the database is: never the same for two that exist at the same time, and the same for
    /// a while for one that stays. Opaque.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn location(&self) -> Result<String, StorageError>;

    /// The binding to the topics with this id; `None` if the database has never filled them.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError>;

    /// Replaces the tokens of these topics, if they are still `seen`; none if there is no binding
    /// yet. Returns `false` if another node was first.
    ///
    /// # Errors
    /// When the store is unavailable. The tokens may have been replaced.
    async fn bind_topics(
        &self,
        topics: Uuid,
        seen: &[Uuid],
        tokens: &[Uuid],
    ) -> Result<bool, StorageError>;
}
