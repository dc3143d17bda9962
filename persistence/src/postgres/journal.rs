//! The journal: appends go to the committers, reads to the pool.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{
    Append, Appending, CommandId, CommandRecord, CommitFeed, EntityId, Generations, JournalReader,
    JournalWriter, MemoryBudget, Page, Position, RecordedEvent, Version,
};
use fritzy_types::{ShardId, StorageError};
use uuid::Uuid;

use super::batch_statement::small;
use super::continuity::{Continuity, STARTS_OVER};
use super::generations::read_all;
use super::read_pool::ReadPool;
use crate::committer::Committer;
use crate::continuity::KnownHead;
use crate::rows::{command_record, generations, heads, recorded, signed};

/// The last position of each shard: one index seek per shard, where grouping would scan the whole
/// index.
pub(super) const HEADS: &str = "SELECT shard, coalesce(
    (SELECT position FROM journal WHERE journal.shard = shard.shard ORDER BY position DESC LIMIT 1), 0
) AS position FROM shard";

pub(super) struct PostgresJournal {
    reads: ReadPool,
    committer: Committer,
    continuity: Continuity,
}

impl PostgresJournal {
    pub(super) const fn new(reads: ReadPool, committer: Committer, continuity: Continuity) -> Self {
        Self {
            reads,
            committer,
            continuity,
        }
    }
}

#[async_trait]
impl JournalWriter for PostgresJournal {
    fn append(&self, append: Append) -> Appending {
        self.committer.append(append)
    }

    async fn barrier(&self) {
        self.committer.barrier().await;
    }
}

#[async_trait]
impl JournalReader for PostgresJournal {
    fn feed(&self) -> Box<dyn CommitFeed> {
        self.committer.feed()
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        let read = async |pool| sqlx::query(HEADS).fetch_all(&pool).await;
        let rows = self.reads.run(read).await?;
        heads(&rows)
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let read = async |pool| {
            sqlx::query(
                "SELECT * FROM journal WHERE shard = $1 AND position > $2 ORDER BY position LIMIT $3",
            )
            .bind(small(shard.0))
            .bind(signed(after))
            .bind(i64::from(limit))
            .fetch_all(&pool)
            .await
        };
        let switches = self.continuity.switches();
        let rows = self.reads.run(read).await?;
        let events: Vec<RecordedEvent> = rows.iter().map(recorded).collect::<Result<_, _>>()?;
        // Projections read so: what they publish must not be lost unnoticed either.
        let last = events.last().map(|last| KnownHead {
            shard,
            position: last.position,
            event: last.event_id,
        });
        if self.continuity.note_read(switches, last) {
            Ok(events)
        } else {
            Err(StorageError::Unavailable(STARTS_OVER.into()))
        }
    }

    async fn generations(&self) -> Result<Generations, StorageError> {
        let read = async |pool| read_all(&pool).await;
        generations(&self.reads.run(read).await?)
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let read = async |pool| {
            sqlx::query(
                "SELECT * FROM journal WHERE shard = $1 AND entity_id = $2 AND version <= $3
                 ORDER BY version",
            )
            .bind(small(shard.0))
            .bind(*entity.as_uuid())
            .bind(signed(until))
            .fetch_all(&pool)
            .await
        };
        let rows = self.reads.run(read).await?;
        rows.iter().map(recorded).collect()
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let statement = || {
            sqlx::query(
                "SELECT * FROM journal WHERE shard = $1 AND entity_id = $2 AND version > $3
                 ORDER BY version LIMIT $4",
            )
            .bind(small(shard.0))
            .bind(id)
            .bind(signed(page.skip))
            .bind(i64::from(page.take))
        };
        self.reads.list(statement, recorded, budget).await
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        // Only keyed commands have a fingerprint, and only they are looked up: by their index.
        let read = async |pool| {
            sqlx::query(
                "SELECT entity_id, event_type, version, fingerprint FROM journal
                 WHERE shard = $1 AND command_id = $2 AND fingerprint IS NOT NULL
                 ORDER BY version DESC LIMIT 1",
            )
            .bind(small(shard.0))
            .bind(*command.as_uuid())
            .fetch_optional(&pool)
            .await
        };
        let row = self.reads.run(read).await?;
        row.as_ref().map(command_record).transpose()
    }
}
