//! A shop on in-memory stores, whose journal can withhold events.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_actors::{Request, Shop, ShopConfig};
use fritzy_domain::{
    AccountId, CommandId, CommandRecord, CommitFeed, Cursor, EntityId, FeedItem, Journal,
    JournalReader, MemoryBudget, Page, Position, RecordedEvent, Version,
};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_projections::{Begin, Projections};
use fritzy_types::{Deadline, NodeId, ShardCount, ShardId, StorageError};
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::ledger::Log;

pub(crate) const SHARDS: u16 = 4;

pub(crate) struct TestShop {
    stores: Stores,
    shop: Shop,
    /// The journal as the projections see it.
    journal: Journal,
}

impl TestShop {
    pub(crate) async fn new() -> Self {
        Self::with(|journal| journal).await
    }

    /// A shop whose feed delivers nothing.
    pub(crate) async fn without_feed() -> Self {
        let silent = |inner: Journal| WithholdingReader::over(inner, true, None);
        Self::with(silent).await
    }

    /// A shop whose journal has lost this event.
    pub(crate) async fn lossy(shard: ShardId, position: Position) -> Self {
        let lossy =
            move |inner: Journal| WithholdingReader::over(inner, false, Some((shard, position)));
        Self::with(lossy).await
    }

    async fn with(wrap: impl FnOnce(Journal) -> Journal) -> Self {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            committer: CommitterConfig::default(),
        });
        let shop = Shop::start(
            ShopConfig::default(),
            NodeId::from_uuid(Uuid::now_v7()),
            stores.journal.clone(),
            stores.read_model.clone(),
            stores.ownership.as_ref(),
        );
        Self {
            shop: shop.await.expect("starts"),
            journal: wrap(stores.journal.clone()),
            stores,
        }
    }

    /// Creates accounts in one shard after the other; each is durable before the next is begun.
    pub(crate) async fn accounts(&self, numbers: Range<u128>) {
        for number in numbers {
            let command = CommandId::from_uuid(Uuid::from_u128(number));
            let request = Request {
                command,
                fingerprint: None,
                deadline: Deadline::at((Instant::now() + Duration::from_secs(60)).into_std()),
            };
            let created = self.shop.create_account(&request, "N".into()).await;
            let id: AccountId = created.expect("created").state.id;
            assert_eq!(
                u128::from(id.slot().0) % u128::from(SHARDS),
                number % u128::from(SHARDS)
            );
        }
    }

    pub(crate) async fn project(&self, log: &Log, begin: Begin) -> Projections {
        let mut registry = Registry::default();
        let started = Projections::start(
            vec![log.start(begin)],
            self.shop.leases(),
            &self.journal,
            &self.stores.cursors,
            &mut registry,
        );
        started.await.expect("starts")
    }

    pub(crate) async fn heads(&self) -> BTreeMap<ShardId, Position> {
        self.stores.journal.heads().await.expect("reads")
    }

    async fn cursors(&self) -> Vec<Cursor> {
        self.stores.cursors.cursors("ledger").await.expect("reads")
    }

    pub(crate) async fn saved(&self) -> BTreeMap<ShardId, Position> {
        let cursors = self.cursors().await.into_iter();
        cursors
            .map(|cursor| (cursor.shard, cursor.position))
            .collect()
    }

    pub(crate) async fn cursor(&self, shard: ShardId) -> Cursor {
        let cursors = self.cursors().await;
        let cursor = cursors.into_iter().find(|cursor| cursor.shard == shard);
        cursor.expect("saved")
    }

    pub(crate) async fn set_cursor(&self, shard: ShardId, position: Position) {
        let set = self.stores.cursors.set_cursor("ledger", shard, position);
        assert!(set.await.expect("set"));
    }
}

/// Waits for the condition. Time is paused, so it advances whenever every task waits.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "the condition did not hold in time"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// A journal reader that withholds events.
struct WithholdingReader {
    inner: Journal,
    is_silent: bool,
    lost: Option<(ShardId, Position)>,
}

impl WithholdingReader {
    fn over(inner: Journal, is_silent: bool, lost: Option<(ShardId, Position)>) -> Journal {
        let writer = inner.writer.clone();
        let reader = Arc::new(Self {
            inner,
            is_silent,
            lost,
        });
        Journal { writer, reader }
    }
}

struct SilentFeed;

#[async_trait]
impl CommitFeed for SilentFeed {
    async fn next(&mut self) -> FeedItem {
        std::future::pending().await
    }
}

#[async_trait]
impl JournalReader for WithholdingReader {
    fn feed(&self) -> Box<dyn CommitFeed> {
        if self.is_silent {
            Box::new(SilentFeed)
        } else {
            self.inner.feed()
        }
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, StorageError> {
        self.inner.heads().await
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        let mut page = self.inner.read_shard(shard, after, limit).await?;
        page.retain(|event| self.lost != Some((event.shard, event.position)));
        Ok(page)
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.inner.read_entity(shard, entity, until).await
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, StorageError> {
        self.inner.history(shard, id, page, budget).await
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, StorageError> {
        self.inner.find_command(shard, command).await
    }
}
