//! A projection that writes down what it takes, and fails as it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fritzy_domain::Position;
use fritzy_projections::{
    Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart,
};
use fritzy_types::ShardId;
use tokio::sync::Notify;

/// What was taken by all that ran, and what the running one shall do.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    taken: Mutex<Vec<(ShardId, Position)>>,
    poison: Mutex<BTreeSet<(ShardId, Position)>>,
    /// How often a poisoned event was met.
    pub(crate) met: AtomicUsize,
    /// Whether what is taken is not said to be done.
    pub(crate) holds_back: AtomicBool,
    /// Whether it cannot start.
    pub(crate) is_away: AtomicBool,
    /// Whether it takes no more.
    pub(crate) is_full: AtomicBool,
    room: Notify,
    /// How many run now.
    pub(crate) running: AtomicUsize,
    /// Events until it breaks or panics; not above 0: never.
    breaks_in: AtomicI64,
    panics_in: AtomicI64,
}

impl std::ops::Deref for Log {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn note(&self, shard: ShardId, position: Position) {
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

    /// Events of one shard that had their effect, repeats included.
    pub(crate) fn len_in(&self, shard: ShardId) -> usize {
        self.len() - self.done_outside(shard)
    }

    pub(crate) fn len(&self) -> usize {
        self.taken().len()
    }

    /// Events that had their effect, each counted once, the poisoned that were left out included.
    pub(crate) fn distinct(&self) -> usize {
        let left_out = self.poison.lock().expect("not poisoned").len();
        self.taken().into_iter().collect::<BTreeSet<_>>().len() + left_out
    }

    pub(crate) fn done(&self, shard: ShardId, position: Position) -> usize {
        let taken = self.taken();
        taken
            .iter()
            .filter(|event| **event == (shard, position))
            .count()
    }

    pub(crate) fn done_outside(&self, shard: ShardId) -> usize {
        let taken = self.taken();
        taken.iter().filter(|(of, _)| *of != shard).count()
    }

    pub(crate) fn poison(&self, shard: ShardId, position: Position) {
        self.poison
            .lock()
            .expect("not poisoned")
            .insert((shard, position));
    }

    pub(crate) fn breaks_in(&self, events: i64) {
        self.breaks_in.store(events, SeqCst);
    }

    pub(crate) fn panics_in(&self, events: i64) {
        self.panics_in.store(events, SeqCst);
    }

    pub(crate) fn make_room(&self) {
        self.is_full.store(false, SeqCst);
        self.room.notify_waiters();
    }

    /// First occurrences in order, without a gap.
    pub(crate) fn require_all_in_order(&self) {
        self.require_all_from(1);
    }

    /// First occurrences in order, without a gap, from this position on in each shard.
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

    async fn start(&self) -> Result<Box<dyn Projection>, ProjectionError> {
        if self.0.is_away.load(SeqCst) {
            return Err(ProjectionError("its world is away".into()));
        }
        Ok(Box::new(Ledger::new(self.0.clone())))
    }
}

pub(crate) struct Ledger {
    log: Log,
    done: VecDeque<Ack>,
    stopped: BTreeSet<ShardId>,
    something: Notify,
}

impl Ledger {
    pub(crate) fn new(log: Log) -> Self {
        let (done, stopped, something) = Default::default();
        log.running.fetch_add(1, SeqCst);
        Self {
            log,
            done,
            stopped,
            something,
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
            self.log.room.notified().await;
        }
        assert!(self.log.panics_in.fetch_sub(1, SeqCst) != 1, "told to");
        if self.log.breaks_in.fetch_sub(1, SeqCst) == 1 {
            return Err(ProjectionError("told to".into()));
        }
        let (shard, position) = (event.shard, event.position);
        if self.stopped.contains(&shard) {
            return Ok(());
        }
        let poison = self.log.poison.lock().expect("not poisoned");
        let done = if poison.contains(&(shard, position)) {
            self.stopped.insert(shard);
            self.log.met.fetch_add(1, SeqCst);
            let reason = "poison".into();
            Ack::Poisoned {
                shard,
                position,
                reason,
            }
        } else {
            self.log.note(shard, position);
            Ack::UpTo(shard, position)
        };
        if !self.log.holds_back.load(SeqCst) {
            self.done.push_back(done);
            self.something.notify_one();
        }
        Ok(())
    }

    async fn done(&mut self) -> Result<Ack, ProjectionError> {
        loop {
            if let Some(done) = self.done.pop_front() {
                return Ok(done);
            }
            self.something.notified().await;
        }
    }

    fn forget(&mut self, shard: ShardId) {
        self.stopped.remove(&shard);
        self.done
            .retain(|done| !matches!(done, Ack::UpTo(of, _) if *of == shard));
    }
}
