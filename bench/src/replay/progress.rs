//! The progress of a replay: counters that may be read while it runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The phases of a replay, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Accounts are created, one per ref of the file.
    Accounts,
    /// Products are created, one per ref of the file.
    Products,
    /// Orders are created, after all accounts and products.
    Orders,
    /// Accounts are read back with their orders.
    AccountsReadBack,
    /// Products are read back.
    ProductsReadBack,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 5] = [
        Self::Accounts,
        Self::Products,
        Self::Orders,
        Self::AccountsReadBack,
        Self::ProductsReadBack,
    ];

    /// The name in the progress display.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Products => "products",
            Self::Orders => "orders",
            Self::AccountsReadBack => "accounts and orders read back",
            Self::ProductsReadBack => "products read back",
        }
    }
}

/// The counters of one replay. Each replay needs a new value.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    phases: [Counters; Phase::ALL.len()],
}

/// The state of one phase.
#[derive(Clone, Copy, Debug)]
pub struct PhaseSnapshot {
    /// The phase that the counters belong to.
    pub phase: Phase,
    /// Completed items: acknowledged by the node, or read back.
    pub done: usize,
    /// The number of items of the phase, known when it begins.
    pub total: usize,
    /// The number of retries.
    pub retries: usize,
    /// Time since the start of the phase, until its end.
    pub elapsed: Duration,
    /// True if all items are done.
    pub ended: bool,
}

#[derive(Debug, Default)]
struct Counters {
    total: AtomicUsize,
    done: AtomicUsize,
    retries: AtomicUsize,
    began: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

impl ReplayProgress {
    /// No phase has started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The current state of a phase; `None` before its start.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> Option<PhaseSnapshot> {
        let counters = self.counters(phase);
        let began = counters.began.get()?;
        let ended = counters.ended.get().copied();
        Some(PhaseSnapshot {
            phase,
            done: counters.done.load(Relaxed),
            total: counters.total.load(Relaxed),
            retries: counters.retries.load(Relaxed),
            elapsed: ended.unwrap_or_else(Instant::now).duration_since(*began),
            ended: ended.is_some(),
        })
    }

    /// The number of orders that the node has acknowledged.
    #[must_use]
    pub fn orders_acknowledged(&self) -> usize {
        self.counters(Phase::Orders).done.load(Relaxed)
    }

    /// The number of retries over all phases.
    #[must_use]
    pub fn retries(&self) -> usize {
        let retries = self.phases.iter().map(|counters| &counters.retries);
        retries.map(|retries| retries.load(Relaxed)).sum()
    }

    pub(super) fn begin(&self, phase: Phase, total: usize) {
        let counters = self.counters(phase);
        counters.total.store(total, Relaxed);
        let first = counters.began.set(Instant::now()).is_ok();
        assert!(first, "one ReplayProgress counts one replay");
    }

    pub(super) fn advance(&self, phase: Phase) {
        self.counters(phase).done.fetch_add(1, Relaxed);
    }

    pub(super) fn retry(&self, phase: Phase) {
        self.counters(phase).retries.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, phase: Phase) {
        let first = self.counters(phase).ended.set(Instant::now()).is_ok();
        assert!(first, "a phase ends once");
    }

    fn counters(&self, phase: Phase) -> &Counters {
        &self.phases[phase as usize]
    }
}

impl PhaseSnapshot {
    /// Items per second since the start of the phase.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.done as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_counted_separately_and_retries_together() {
        let progress = ReplayProgress::new();
        assert!(progress.phase(Phase::Orders).is_none());
        progress.begin(Phase::Accounts, 1);
        progress.retry(Phase::Accounts);
        progress.advance(Phase::Accounts);
        progress.end(Phase::Accounts);
        progress.begin(Phase::Orders, 3);
        progress.advance(Phase::Orders);
        progress.retry(Phase::Orders);
        let accounts = progress.phase(Phase::Accounts).expect("begun");
        assert!(accounts.ended && accounts.done == 1 && accounts.total == 1);
        let orders = progress.phase(Phase::Orders).expect("begun");
        assert!(!orders.ended && orders.done == 1 && orders.total == 3);
        assert_eq!(progress.retries(), 2);
        assert_eq!(progress.orders_acknowledged(), 1);
    }
}
