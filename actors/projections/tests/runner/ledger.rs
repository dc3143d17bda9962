//! A projection that records what it takes, and fails on demand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fritzy_domain::{Generations, Position};
use fritzy_projections::{
    Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart,
};
use fritzy_types::ShardId;
use tokio::sync::Notify;

/// The events taken by all ledgers that share it, and how the running one has to behave.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    taken: Mutex<Vec<(ShardId, Position)>>,
    poison: Mutex<BTreeSet<(ShardId, Position)>>,
    /// How often a poisoned event was delivered.
    pub(crate) poison_deliveries: AtomicUsize,
    /// Whether events are taken without being acknowledged.
    pub(crate) withholds_acks: AtomicBool,
    /// Whether it cannot start.
    pub(crate) is_unreachable: AtomicBool,
    /// Whether it must have no effect for now.
    pub(crate) waits: AtomicBool,
    /// Whether it takes no more events.
    pub(crate) is_full: AtomicBool,
    has_capacity: Notify,
    /// How many ledgers run now.
    pub(crate) running: AtomicUsize,
    /// Events until it fails or panics; never if not above 0.
    fails_in: AtomicI64,
    panics_in: AtomicI64,
}

impl std::ops::Deref for Log {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn record(&self, shard: ShardId, position: Position) {
        let mut taken = self
            .taken
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        taken.push((shard, position));
    }

    fn taken(&self) -> Vec<(ShardId, Position)> {
        let taken = self
            .taken
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        taken.clone()
    }

    /// Events taken in one shard, repeats included.
    pub(crate) fn len_in(&self, shard: ShardId) -> usize {
        self.len() - self.taken_outside(shard)
    }

    pub(crate) fn len(&self) -> usize {
        self.taken().len()
    }

    /// Events taken, each counted once; those left out as poisoned count too.
    pub(crate) fn distinct(&self) -> usize {
        let left_out = self.poison.lock().expect("not poisoned").len();
        self.taken().into_iter().collect::<BTreeSet<_>>().len() + left_out
    }

    pub(crate) fn times_taken(&self, shard: ShardId, position: Position) -> usize {
        let taken = self.taken();
        taken
            .iter()
            .filter(|event| **event == (shard, position))
            .count()
    }

    pub(crate) fn taken_outside(&self, shard: ShardId) -> usize {
        let taken = self.taken();
        taken.iter().filter(|(of, _)| *of != shard).count()
    }

    pub(crate) fn poison(&self, shard: ShardId, position: Position) {
        self.poison
            .lock()
            .expect("not poisoned")
            .insert((shard, position));
    }

    pub(crate) fn fails_in(&self, events: i64) {
        self.fails_in.store(events, SeqCst);
    }

    pub(crate) fn panics_in(&self, events: i64) {
        self.panics_in.store(events, SeqCst);
    }

    pub(crate) fn free_capacity(&self) {
        self.is_full.store(false, SeqCst);
        self.has_capacity.notify_waiters();
    }

    /// Asserts that first occurrences are in order, without a gap.
    pub(crate) fn require_all_in_order(&self) {
        self.require_all_from(1);
    }

    /// The same from this position on in each shard.
    pub(crate) fn require_all_from(&self, first: Position) {
        let mut heads: BTreeMap<ShardId, Position> = BTreeMap::new();
        for (shard, position) in self.taken() {
            let head = heads.entry(shard).or_insert(first - 1);
            assert!(
                position <= *head + 1,
                "shard {shard}: {position} behind {head}"
            );
            *head = position.max(*head);
        }
    }

    pub(crate) fn require_each_once_in_order(&self) {
        self.require_all_in_order();
        assert_eq!(self.distinct(), self.len(), "each once");
    }
}

impl Log {
    pub(crate) fn start(&self, begin: Begin) -> Arc<dyn ProjectionStart> {
        Arc::new(Start(self.clone(), begin))
    }
}

struct Start(Log, Begin);

#[async_trait]
impl ProjectionStart for Start {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn begin(&self) -> Begin {
        self.1
    }

    async fn start(&self, _: &Generations) -> Result<Box<dyn Projection>, ProjectionError> {
        if self.0.is_unreachable.load(SeqCst) {
            return Err(ProjectionError::Failed("not reachable".into()));
        }
        if self.0.waits.load(SeqCst) {
            return Err(ProjectionError::Waits("another ledger is kept".into()));
        }
        Ok(Box::new(Ledger::new(self.0.clone())))
    }
}

pub(crate) struct Ledger {
    log: Log,
    acks: VecDeque<Ack>,
    stopped: BTreeSet<ShardId>,
    ack_ready: Notify,
}

impl Ledger {
    pub(crate) fn new(log: Log) -> Self {
        let (acks, stopped, ack_ready) = Default::default();
        log.running.fetch_add(1, SeqCst);
        Self {
            log,
            acks,
            stopped,
            ack_ready,
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.log.running.fetch_sub(1, SeqCst);
    }
}

#[async_trait]
impl Projection for Ledger {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        while self.log.is_full.load(SeqCst) {
            self.log.has_capacity.notified().await;
        }
        assert!(
            self.log.panics_in.fetch_sub(1, SeqCst) != 1,
            "requested by the test"
        );
        if self.log.fails_in.fetch_sub(1, SeqCst) == 1 {
            return Err(ProjectionError::Failed("requested by the test".into()));
        }
        let (shard, position) = (event.shard, event.position);
        if self.stopped.contains(&shard) {
            return Ok(());
        }
        let poison = self.log.poison.lock().expect("not poisoned");
        let ack = if poison.contains(&(shard, position)) {
            self.stopped.insert(shard);
            self.log.poison_deliveries.fetch_add(1, SeqCst);
            let reason = "poison".into();
            Ack::Poisoned {
                shard,
                position,
                reason,
            }
        } else {
            self.log.record(shard, position);
            Ack::UpTo(shard, position)
        };
        if !self.log.withholds_acks.load(SeqCst) {
            self.acks.push_back(ack);
            self.ack_ready.notify_one();
        }
        Ok(())
    }

    async fn next_ack(&mut self) -> Result<Ack, ProjectionError> {
        loop {
            if let Some(ack) = self.acks.pop_front() {
                return Ok(ack);
            }
            self.ack_ready.notified().await;
        }
    }

    fn forget(&mut self, shard: ShardId) {
        self.stopped.remove(&shard);
        self.acks
            .retain(|ack| !matches!(ack, Ack::UpTo(of, _) if *of == shard));
    }
}
