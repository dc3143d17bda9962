//! The bindings of topics on PostgreSQL.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::read_pool::ReadPool;
use crate::rows::{read_error, tokens_text, topic_binding};

/// Replaces the tokens of a binding that is unchanged.
const REPLACE: &str = "UPDATE topic_binding SET tokens = $3, changed = clock_timestamp()
    WHERE topics = $1 AND tokens = $2";
const INSERT: &str =
    "INSERT INTO topic_binding (topics, tokens) VALUES ($1, $2) ON CONFLICT DO NOTHING";

pub(super) struct PostgresTopicBindings(ReadPool);

impl PostgresTopicBindings {
    pub(super) const fn new(reads: ReadPool) -> Self {
        Self(reads)
    }
}

#[async_trait]
impl TopicBindings for PostgresTopicBindings {
    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        let read = async |pool| find(&pool, topics).await;
        let row = self.0.run(read).await?;
        row.as_ref().map(topic_binding).transpose()
    }

    async fn bind_topics(
        &self,
        topics: Uuid,
        seen: &[Uuid],
        tokens: &[Uuid],
    ) -> Result<bool, StorageError> {
        let replaced = replace(self.0.pool(), topics, seen, tokens).await;
        replaced.map_err(read_error)
    }
}

/// The row of the topics with this id.
pub(super) async fn find(
    executor: impl PgExecutor<'_>,
    topics: Uuid,
) -> Result<Option<PgRow>, sqlx::Error> {
    sqlx::query(
        "SELECT tokens, (extract(epoch FROM clock_timestamp() - changed) * 1000000)::bigint AS age
         FROM topic_binding WHERE topics = $1",
    )
    .bind(topics)
    .fetch_optional(executor)
    .await
}

/// Replaces the tokens of these topics if they are still `seen`.
pub(super) async fn replace(
    executor: impl PgExecutor<'_>,
    topics: Uuid,
    seen: &[Uuid],
    tokens: &[Uuid],
) -> Result<bool, sqlx::Error> {
    let statement = match seen {
        [] => sqlx::query(INSERT).bind(topics),
        seen => sqlx::query(REPLACE).bind(topics).bind(tokens_text(seen)),
    };
    let done = statement.bind(tokens_text(tokens)).execute(executor).await;
    done.map(|done| done.rows_affected() > 0)
}
