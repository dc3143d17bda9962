//! The bindings of topics in a SQLite file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fritzy_domain::{TopicBinding, TopicBindings};
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteExecutor, SqlitePool};
use uuid::Uuid;

use super::reader::SqliteReader;
use crate::rows::{tokens_text, topic_binding};

/// The kernel's id of its start.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The number of the topics that are bound last. Not a timestamp: clocks are set back.
const NEXT_NUMBER: &str = "(SELECT coalesce(max(number), 0) + 1 FROM topic_binding)";
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

pub(super) struct SqliteTopicBindings {
    reader: SqliteReader,
    writer: SqlitePool,
    file: PathBuf,
}

impl SqliteTopicBindings {
    pub(super) fn new(reader: SqliteReader, writer: SqlitePool, file: &Path) -> Self {
        Self {
            reader,
            writer,
            file: file.to_owned(),
        }
    }
}

#[async_trait]
impl TopicBindings for SqliteTopicBindings {
    async fn location(&self) -> Result<String, StorageError> {
        location_of(&self.file)
    }

    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        let row = find(self.reader.pool()?, topics).await;
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
        let replaced = replace(&self.writer, topics, seen, tokens, false).await;
        replaced.map_err(|failure| self.reader.damage().read_error(failure))
    }
}

/// Which file of which start of which machine: a copy is another file.
pub(super) fn location_of(file: &Path) -> Result<String, StorageError> {
    let found = fs::metadata(file);
    let found = found.map_err(|failure| {
        StorageError::Unavailable(format!("the database {}: {failure}", file.display()))
    })?;
    // Without it, no other look finds the same location.
    let boot = fs::read_to_string(BOOT_ID).unwrap_or_else(|_| Uuid::new_v4().to_string());
    Ok(format!(
        "sqlite/{}/{}/{}",
        boot.trim(),
        found.dev(),
        found.ino()
    ))
}

/// The row of the topics with this id.
pub(super) async fn find(
    executor: impl SqliteExecutor<'_>,
    topics: Uuid,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT tokens, CAST(unixepoch('subsec') * 1000000 AS INTEGER) - changed AS age,
            NOT EXISTS (SELECT 1 FROM topic_binding AS other WHERE other.number > found.number) AS is_latest
         FROM topic_binding AS found WHERE topics = ?",
    )
    .bind(topics)
    .fetch_optional(executor)
    .await
}

/// Replaces the tokens of these topics if they are still `seen`. With `adopts`, they are the ones
/// that the database fills from now on.
pub(super) async fn replace(
    executor: impl SqliteExecutor<'_>,
    topics: Uuid,
    seen: &[Uuid],
    tokens: &[Uuid],
    adopts: bool,
) -> Result<bool, sqlx::Error> {
    let number = if adopts { NEXT_NUMBER } else { "number" };
    let statement = match seen {
        [] => format!(
            "INSERT INTO topic_binding (topics, tokens, changed, number) VALUES (?1, ?2, {NOW}, {NEXT_NUMBER})
             ON CONFLICT DO NOTHING"
        ),
        _ => format!(
            "UPDATE topic_binding SET tokens = ?2, changed = {NOW}, number = {number}
             WHERE topics = ?1 AND tokens = ?3"
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
