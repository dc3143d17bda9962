//! Stores with injected faults that real stores cannot be made to show.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountId, Append, AppendError, AppendOutcome, Appending, CommandId, EntityId,
    ExternalReference, Journal, JournalWriter, KeysetPage, Kind, ListCounts, MemoryBudget, Order,
    OrderFilter, OrderId, OrderListPage, OrderLists, OrderSlice, OrderTimes, Page, Product,
    ReadModel, RowCount, State, Stored, Version,
};
use fritzy_types::StorageError;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The faults to inject; shared with the test.
#[derive(Default)]
pub(crate) struct Faults {
    /// The next append panics before it reaches the journal.
    pub(crate) panic_before_append: AtomicBool,
    /// The next append panics after it was queued.
    pub(crate) panic_after_append: AtomicBool,
    /// The next append is held until the gate opens, as in a long queue.
    pub(crate) hold_append: AtomicBool,
    /// Delay of each append's outcome, in ms.
    pub(crate) outcome_delay_ms: AtomicUsize,
    /// Opens for the held append.
    pub(crate) gate: Notify,
    held: Mutex<Vec<JoinHandle<Result<AppendOutcome, AppendError>>>>,
    /// Duration of each load of state rows, in ms.
    pub(crate) load_ms: AtomicUsize,
    /// Number of state rows loaded.
    pub(crate) loads: AtomicUsize,
}

fn take(flag: &AtomicBool) -> bool {
    flag.swap(false, Ordering::SeqCst)
}

pub(crate) struct FaultyJournal {
    pub(crate) inner: Journal,
    pub(crate) faults: Arc<Faults>,
}

impl FaultyJournal {
    /// A journal with these faulty writes and the inner reads.
    pub(crate) fn into_journal(self) -> Journal {
        Journal {
            reader: self.inner.reader.clone(),
            writer: Arc::new(self),
        }
    }

    /// Queues an append behind the gate. Its caller gets no outcome; the append continues alone.
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
impl JournalWriter for FaultyJournal {
    fn append(&self, append: Append) -> Appending {
        assert!(
            !take(&self.faults.panic_before_append),
            "injected: before the append"
        );
        let append = if take(&self.faults.hold_append) {
            self.hold(append)
        } else {
            self.inner.append(append)
        };
        assert!(
            !take(&self.faults.panic_after_append),
            "injected: after the append"
        );
        match self.faults.outcome_delay_ms.load(Ordering::SeqCst) as u64 {
            0 => append,
            ms => Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                append.await
            }),
        }
    }

    async fn barrier(&self) {
        let held = std::mem::take(&mut *self.faults.held.lock().expect("not poisoned"));
        for append in held {
            let _ = append.await;
        }
        self.inner.barrier().await;
    }
}

pub(crate) struct SlowReads {
    pub(crate) inner: Arc<dyn ReadModel>,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl OrderLists for SlowReads {
    async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, StorageError> {
        self.inner.order_page(filter, page, budget).await
    }

    async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
    ) -> Result<Vec<OrderTimes>, StorageError> {
        self.inner.order_times(orders).await
    }
}

#[async_trait]
impl ListCounts for SlowReads {
    async fn count_accounts(&self) -> Result<RowCount, StorageError> {
        self.inner.count_accounts().await
    }

    async fn count_products(&self) -> Result<RowCount, StorageError> {
        self.inner.count_products().await
    }

    async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, StorageError> {
        self.inner.count_orders(filter).await
    }

    async fn count_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<RowCount>, StorageError> {
        self.inner.count_orders_of(accounts).await
    }
}

#[async_trait]
impl ReadModel for SlowReads {
    async fn load(&self, ids: &[EntityId]) -> Result<Vec<Option<Stored<State>>>, StorageError> {
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
    ) -> Result<Option<EntityId>, StorageError> {
        self.inner.find_creation(kind, command).await
    }

    async fn find_reference(
        &self,
        kind: Kind,
        reference: &ExternalReference,
    ) -> Result<Option<Stored<State>>, StorageError> {
        self.inner.find_reference(kind, reference).await
    }

    async fn accounts(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.inner.accounts(page, budget).await
    }

    async fn products(
        &self,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.inner.products(page, budget).await
    }

    async fn account_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Account>>, StorageError> {
        self.inner.account_page_by_key(page, budget).await
    }

    async fn product_page_by_key(
        &self,
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Stored<Product>>, StorageError> {
        self.inner.product_page_by_key(page, budget).await
    }

    async fn order_pages_by_key(
        &self,
        accounts: &[AccountId],
        page: KeysetPage,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        self.inner.order_pages_by_key(accounts, page, budget).await
    }

    async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<Vec<Stored<Order>>>, StorageError> {
        self.inner.orders_of(accounts, page, budget).await
    }
}
