//! The journal: appends go to the committer, reads to the reader pool.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{
    Append, Appending, CommandId, CommandRecord, CommitFeed, EntityId, Generations, JournalReader,
    JournalWriter, MemoryBudget, Page, Position, RecordedEvent, Version,
};
use fritzy_types::{ShardId, StorageError};
use uuid::Uuid;

use super::continuity::SqliteContinuity;
use super::generations::read_all;
use super::reader::SqliteReader;
use crate::committer::Committer;
use crate::rows::{collect_rows, command_record, heads, recorded, signed};

/// The last position of each shard: one index seek per shard, where grouping would scan the whole
/// index.
pub(super) const HEADS: &str = "SELECT shard, coalesce(
    (SELECT max(position) FROM journal WHERE journal.shard = shard.shard), 0
) AS position FROM shard";

pub(super) struct SqliteJournal {
    reader: SqliteReader,
    committer: Committer,
    continuity: SqliteContinuity,
}

impl SqliteJournal {
    pub(super) const fn new(
        reader: SqliteReader,
        committer: Committer,
        continuity: SqliteContinuity,
    ) -> Self {
        Self {
            reader,
            committer,
            continuity,
        }
    }
}

#[async_trait]
impl JournalWriter for SqliteJournal {
    fn append(&self, append: Append) -> Appending {
        self.committer.append(append)
    }

    async fn barrier(&self) {
        self.committer.barrier().await;
    }
}

#[async_trait]
impl JournalReader for SqliteJournal {
    fn feed(&self) -> Box<dyn CommitFeed> {
        self.committer.feed()
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        let rows = sqlx::query(HEADS).fetch_all(self.reader.pool()?).await;
        heads(&rows.map_err(|failure| self.reader.damage().read_error(failure))?)
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM journal WHERE shard = ? AND position > ? ORDER BY position LIMIT ?",
        )
        .bind(shard.0)
        .bind(signed(after))
        .bind(limit)
        .fetch_all(self.reader.pool()?)
        .await
        .map_err(|failure| self.reader.damage().read_error(failure))?;
        let events: Vec<RecordedEvent> = rows.iter().map(recorded).collect::<Result<_, _>>()?;
        if let Some(last) = events.last() {
            // Projections read so: what they publish must not be lost unnoticed either.
            self.continuity.note(shard, last.position, last.event_id);
        }
        Ok(events)
    }

    async fn generations(&self) -> Result<Generations, StorageError> {
        read_all(self.reader.pool()?, self.reader.damage()).await
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM journal WHERE shard = ? AND entity_id = ? AND version <= ?
             ORDER BY version",
        )
        .bind(shard.0)
        .bind(*entity.as_uuid())
        .bind(signed(until))
        .fetch_all(self.reader.pool()?)
        .await
        .map_err(|failure| self.reader.damage().read_error(failure))?;
        rows.iter().map(recorded).collect()
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM journal WHERE shard = ? AND entity_id = ? AND version > ?
             ORDER BY version LIMIT ?",
        )
        .bind(shard.0)
        .bind(id)
        .bind(signed(page.skip))
        .bind(page.take)
        .fetch(self.reader.pool()?);
        let rows = self.reader.noted(rows);
        let mut history = Vec::new();
        collect_rows(&mut history, rows, recorded, budget).await?;
        Ok(history)
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        let row = sqlx::query(
            "SELECT entity_id, event_type, version, fingerprint FROM journal
             WHERE shard = ? AND command_id = ? ORDER BY version DESC LIMIT 1",
        )
        .bind(shard.0)
        .bind(*command.as_uuid())
        .fetch_optional(self.reader.pool()?)
        .await
        .map_err(|failure| self.reader.damage().read_error(failure))?;
        row.as_ref().map(command_record).transpose()
    }
}
