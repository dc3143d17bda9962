//! The journal in memory: appends go to the committer, reads to the shared state.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{
    Append, Appending, CommandId, CommandRecord, CommitFeed, EntityId, HeapSize, JournalReader,
    JournalWriter, MemoryBudget, Page, Position, RecordedEvent, Version,
};
use fritzy_types::{ShardId, StorageError};
use uuid::Uuid;

use super::state::SharedMemoryStore;
use crate::committer::Committer;

pub(super) struct MemoryJournal {
    memory: SharedMemoryStore,
    committer: Committer,
}

impl MemoryJournal {
    pub(super) const fn new(memory: SharedMemoryStore, committer: Committer) -> Self {
        Self { memory, committer }
    }
}

#[async_trait]
impl JournalWriter for MemoryJournal {
    fn append(&self, append: Append) -> Appending {
        self.committer.append(append)
    }

    async fn barrier(&self) {
        self.committer.barrier().await;
    }
}

#[async_trait]
impl JournalReader for MemoryJournal {
    fn feed(&self) -> Box<dyn CommitFeed> {
        self.committer.feed()
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        Ok(self.memory.read(|state| {
            let streams = state.journal.iter();
            let head = |(shard, events): (&ShardId, &Vec<RecordedEvent>)| {
                Some((*shard, events.last()?.position))
            };
            streams.filter_map(head).collect()
        }))
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        Ok(self.memory.read(|state| {
            let stream = state.stream(shard);
            let later = stream
                .iter()
                .skip_while(|recorded| recorded.position <= after);
            later.take(limit as usize).cloned().collect()
        }))
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        Ok(self.memory.read(|state| {
            let stream = state.stream(shard);
            let of_entity =
                |recorded: &&RecordedEvent| recorded.entity == entity && recorded.version <= until;
            stream.iter().filter(of_entity).cloned().collect()
        }))
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let found: Vec<RecordedEvent> = self.memory.read(|state| {
            let stream = state.stream(shard);
            let of_entity = |recorded: &&RecordedEvent| {
                *recorded.entity.as_uuid() == id && recorded.version > page.skip
            };
            let page = stream.iter().filter(of_entity).take(page.take as usize);
            page.cloned().collect()
        });
        for recorded in &found {
            budget.take(recorded.bytes())?;
        }
        Ok(found)
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        Ok(self.memory.read(|state| {
            let stream = state.stream(shard);
            let last = stream
                .iter()
                .rfind(|recorded| recorded.command == command)?;
            Some(CommandRecord {
                entity: last.entity,
                version: last.version,
                fingerprint: last.fingerprint,
            })
        }))
    }
}
