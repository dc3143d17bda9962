//! The bindings of topics on PostgreSQL.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::read_pool::ReadPool;
use crate::rows::{Columns, read_error, tokens_text, topic_binding};

/// A copy on the same server is another database of it, and a copied server has started at another
/// time. A role without rights can read all of this.
const LOCATION: &str =
    "SELECT format('postgres/%s/%s/%s/%s', oid, current_schema(), inet_server_port(),
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint) AS location
    FROM pg_database WHERE datname = current_database()";

/// Replaces the tokens of a binding that is unchanged.
const REPLACE: &str = "UPDATE topic_binding SET tokens = $3, changed = clock_timestamp()
    WHERE topics = $1 AND tokens = $2";
const ADOPT: &str = "UPDATE topic_binding
    SET tokens = $3, changed = clock_timestamp(), began = clock_timestamp()
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
        let replaced = replace(self.0.pool(), topics, seen, tokens).await;
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
            NOT EXISTS (SELECT 1 FROM topic_binding AS other WHERE other.began > found.began) AS is_latest
         FROM topic_binding AS found WHERE topics = $1",
    )
    .bind(topics)
    .fetch_optional(executor)
    .await
}

/// Replaces the tokens of these topics if they are still `seen`, for a database that fills them
/// from now on.
pub(super) async fn adopt(
    executor: impl PgExecutor<'_>,
    topics: Uuid,
    seen: &[Uuid],
    tokens: &[Uuid],
) -> Result<bool, sqlx::Error> {
    let statement = match seen {
        [] => sqlx::query(INSERT).bind(topics),
        seen => sqlx::query(ADOPT).bind(topics).bind(tokens_text(seen)),
    };
    let done = statement.bind(tokens_text(tokens)).execute(executor).await;
    done.map(|done| done.rows_affected() > 0)
}

/// Replaces the tokens of these topics if they are still `seen`.
async fn replace(
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
