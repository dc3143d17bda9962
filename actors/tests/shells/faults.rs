//! Stores that fail on demand, in ways that real ones cannot be made to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, Append, AppendError, Appending, CommandId, CommandRecord, EntityId, Feed,
    Journal, Kind, Order, Page, Position, Positions, Product, ReadModel, Recorded, Room, Slice,
    State, Stored, Version,
};
use fritzy_types::{ReadError, ShardId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// What to do wrong; shared with the test.
#[derive(Default)]
pub(crate) struct Faults {
    /// The next append panics before it reaches the journal.
    pub(crate) panic_before_append: AtomicBool,
    /// The next append panics after it was queued.
    pub(crate) panic_after_append: AtomicBool,
    /// The next append is held back behind the gate, as in a long queue.
    pub(crate) hold_append: AtomicBool,
    /// How long each append's answer takes, in ms.
    pub(crate) answer_ms: AtomicUsize,
    /// Opens for what is held back.
    pub(crate) gate: Notify,
    held: Mutex<Vec<JoinHandle<Result<Positions, AppendError>>>>,
    /// How long each load of a state row takes.
    pub(crate) load_ms: AtomicUsize,
    /// How many state rows were loaded.
    pub(crate) loads: AtomicUsize,
}

fn once(flag: &AtomicBool) -> bool {
    flag.swap(false, Ordering::SeqCst)
}

pub(crate) struct FaultyJournal {
    pub(crate) inner: Arc<dyn Journal>,
    pub(crate) faults: Arc<Faults>,
}

impl FaultyJournal {
    /// Queues an append behind the gate. Nobody waits for its answer; it goes on by itself.
    fn hold(&self, append: Append) -> Appending {
        let (faults, inner) = (self.faults.clone(), self.inner.clone());
        let held = tokio::spawn(async move {
            faults.gate.notified().await;
            inner.append(append).await
        });
        self.faults.held.lock().expect("not poisoned").push(held);
        Box::pin(std::future::pending())
    }
}

#[async_trait]
impl Journal for FaultyJournal {
    fn append(&self, append: Append) -> Appending {
        assert!(
            !once(&self.faults.panic_before_append),
            "injected: before the append"
        );
        let append = if once(&self.faults.hold_append) {
            self.hold(append)
        } else {
            self.inner.append(append)
        };
        assert!(
            !once(&self.faults.panic_after_append),
            "injected: after the append"
        );
        match self.faults.answer_ms.load(Ordering::SeqCst) as u64 {
            0 => append,
            ms => Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                append.await
            }),
        }
    }

    async fn settled(&self) {
        let held = std::mem::take(&mut *self.faults.held.lock().expect("not poisoned"));
        for append in held {
            let _ = append.await;
        }
        self.inner.settled().await;
    }

    fn feed(&self) -> Box<dyn Feed> {
        self.inner.feed()
    }

    async fn heads(&self) -> Result<BTreeMap<ShardId, Position>, ReadError> {
        self.inner.heads().await
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.inner.read_shard(shard, after, limit).await
    }

    async fn read_entity(
        &self,
        shard: ShardId,
        entity: EntityId,
        until: Version,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.inner.read_entity(shard, entity, until).await
    }

    async fn history(
        &self,
        shard: ShardId,
        id: Uuid,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.inner.history(shard, id, page, room).await
    }

    async fn find_command(
        &self,
        shard: ShardId,
        command: CommandId,
    ) -> Result<Option<CommandRecord>, ReadError> {
        self.inner.find_command(shard, command).await
    }
}

pub(crate) struct SlowReads {
    pub(crate) inner: Arc<dyn ReadModel>,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl ReadModel for SlowReads {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, ReadError> {
        self.faults.loads.fetch_add(ids.len(), Ordering::SeqCst);
        let load_ms = self.faults.load_ms.load(Ordering::SeqCst) as u64;
        if load_ms > 0 {
            tokio::time::sleep(Duration::from_millis(load_ms)).await;
        }
        self.inner.load(ids).await
    }

    async fn find_creation(
        &self,
        kind: Kind,
        command: CommandId,
    ) -> Result<Option<EntityId>, ReadError> {
        self.inner.find_creation(kind, command).await
    }

    async fn accounts(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError> {
        self.inner.accounts(page, room).await
    }

    async fn products(
        &self,
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError> {
        self.inner.products(page, room).await
    }

    async fn account_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Account>>, ReadError> {
        self.inner.account_slice(slice, room).await
    }

    async fn product_slice(
        &self,
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Stored<Product>>, ReadError> {
        self.inner.product_slice(slice, room).await
    }

    async fn order_slices(
        &self,
        accounts: &[AccountId],
        slice: Slice,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        self.inner.order_slices(accounts, slice, room).await
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        room: &dyn Room,
    ) -> Result<Vec<Vec<Stored<Order>>>, ReadError> {
        self.inner.orders_of(accounts, page, room).await
    }
}
