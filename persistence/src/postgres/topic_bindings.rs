//! The bindings of topics on PostgreSQL.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgExecutor};
use uuid::Uuid;

use super::read_pool::ReadPool;
use crate::rows::{Columns, read_error, tokens_text, topic_binding};

/// A copy on the same server is another database of it, and a copied server has started at another
/// time. A role without rights can read all of this.
const LOCATION: &str =
    "SELECT format('postgres/%s/%s/%s/%s', oid, current_schema(), inet_server_port(),
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint) AS location
    FROM pg_database WHERE datname = current_database()";

/// The number of the topics that are bound last. Not a timestamp: clocks are set back.
const NEXT_NUMBER: &str = "(SELECT coalesce(max(number), 0) + 1 FROM topic_binding)";

pub(super) struct PostgresTopicBindings(ReadPool);

impl PostgresTopicBindings {
    pub(super) const fn new(reads: ReadPool) -> Self {
        Self(reads)
    }
}

#[async_trait]
impl TopicBindings for PostgresTopicBindings {
    async fn location(&self) -> Result<String, StorageError> {
        let read = async |pool| find_location(&pool).await;
        self.0.run(read).await?.text("location")
    }

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
        let replaced = replace(self.0.pool(), topics, seen, tokens, false).await;
        replaced.map_err(read_error)
    }
}

/// Where the database is, as a row.
pub(super) async fn find_location(executor: impl PgExecutor<'_>) -> Result<PgRow, sqlx::Error> {
    sqlx::query(LOCATION).fetch_one(executor).await
}

/// The row of the topics with this id.
pub(super) async fn find(
    executor: impl PgExecutor<'_>,
    topics: Uuid,
) -> Result<Option<PgRow>, sqlx::Error> {
    sqlx::query(
        "SELECT tokens, (extract(epoch FROM clock_timestamp() - changed) * 1000000)::bigint AS age,
            NOT EXISTS (SELECT 1 FROM topic_binding AS other WHERE other.number > found.number) AS is_latest
         FROM topic_binding AS found WHERE topics = $1",
    )
    .bind(topics)
    .fetch_optional(executor)
    .await
}

/// Replaces the tokens of these topics if they are still `seen`. With `adopts`, they are the ones
/// that the database fills from now on.
pub(super) async fn replace(
    executor: impl PgExecutor<'_>,
    topics: Uuid,
    seen: &[Uuid],
    tokens: &[Uuid],
    adopts: bool,
) -> Result<bool, sqlx::Error> {
    let number = if adopts { NEXT_NUMBER } else { "number" };
    let statement = match seen {
        [] => format!(
            "INSERT INTO topic_binding (topics, tokens, number) VALUES ($1, $2, {NEXT_NUMBER}) ON CONFLICT DO NOTHING"
        ),
        _ => format!(
            "UPDATE topic_binding SET tokens = $2, changed = clock_timestamp(), number = {number}
             WHERE topics = $1 AND tokens = $3"
        ),
    };
    // Constants of this file.
    let mut query = sqlx::query(AssertSqlSafe(statement));
    query = query.bind(topics).bind(tokens_text(tokens));
    if !seen.is_empty() {
        query = query.bind(tokens_text(seen));
    }
    Ok(query.execute(executor).await?.rows_affected() > 0)
}
