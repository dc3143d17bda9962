//! The bindings of topics in a SQLite file.

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteExecutor, SqlitePool};
use uuid::Uuid;

use super::reader::SqliteReader;
use crate::rows::{tokens_text, topic_binding};

/// Replaces the tokens of a binding that is unchanged.
const REPLACE: &str = "UPDATE topic_binding SET tokens = ?3,
        changed = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
    WHERE topics = ?1 AND tokens = ?2";
const INSERT: &str = "INSERT INTO topic_binding (topics, tokens, changed)
    VALUES (?, ?, CAST(unixepoch('subsec') * 1000000 AS INTEGER)) ON CONFLICT DO NOTHING";

pub(super) struct SqliteTopicBindings {
    reader: SqliteReader,
    writer: SqlitePool,
}

impl SqliteTopicBindings {
    pub(super) const fn new(reader: SqliteReader, writer: SqlitePool) -> Self {
        Self { reader, writer }
    }
}

#[async_trait]
impl TopicBindings for SqliteTopicBindings {
    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        let row = find(self.reader.pool(), topics).await;
        let row = row.map_err(|failure| self.reader.damage().read_error(failure))?;
        row.as_ref().map(topic_binding).transpose()
    }

    async fn bind_topics(
        &self,
        topics: Uuid,
        seen: &[Uuid],
        tokens: &[Uuid],
    ) -> Result<bool, StorageError> {
        self.reader.damage().refuse()?;
        let replaced = replace(&self.writer, topics, seen, tokens).await;
        replaced.map_err(|failure| self.reader.damage().read_error(failure))
    }
}

/// The row of the topics with this id.
pub(super) async fn find(
    executor: impl SqliteExecutor<'_>,
    topics: Uuid,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT tokens, CAST(unixepoch('subsec') * 1000000 AS INTEGER) - changed AS age
         FROM topic_binding WHERE topics = ?",
    )
    .bind(topics)
    .fetch_optional(executor)
    .await
}

/// Replaces the tokens of these topics if they are still `seen`.
pub(super) async fn replace(
    executor: impl SqliteExecutor<'_>,
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
