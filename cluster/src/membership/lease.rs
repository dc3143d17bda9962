//! Until when this node may answer from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A node whose beat stands still for so long may be fenced by others.
pub const TTL: Duration = Duration::from_secs(4);
/// A node stops answering so long before: clocks do not run alike, and a word takes its way.
const MARGIN: Duration = Duration::from_secs(1);

/// A moment on the clock that goes on while the machine sleeps: a node that was suspended must not take its lease for
/// valid when it wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(u64);

impl BootTime {
    /// Now.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
        Self(seconds * 1_000_000_000 + nanos)
    }

    fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_nanos() as u64)
    }
}

/// The right of a node to answer what its own commit does not prove: reads, refusals, repeats. Nobody takes its shards while
/// it holds. Looked at after the state was read, and before it is answered.
#[derive(Clone, Debug)]
pub struct LocalLease {
    until: Arc<AtomicU64>,
    /// How often it was generation_count.
    generation_count: Arc<AtomicU64>,
}

/// The time from one end of a lease to the next. What was read in one proves nothing in another: meanwhile others had the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseGeneration(u64);

impl LocalLease {
    /// One that always holds: nobody else can take this node's shards.
    pub fn unlimited() -> Self {
        Self::until(u64::MAX)
    }

    /// One that does not hold yet.
    pub fn lapsed() -> Self {
        Self::until(0)
    }

    fn until(until: u64) -> Self {
        Self {
            until: Arc::new(AtomicU64::new(until)),
            generation_count: Arc::default(),
        }
    }

    /// The generation that it is in.
    pub fn generation(&self) -> LeaseGeneration {
        LeaseGeneration(self.generation_count.load(Ordering::Acquire))
    }

    /// Notes a renewal that has succeeded, and was sent at `sent` or later.
    pub fn renewed(&self, sent: BootTime) {
        let until = sent.plus(TTL - MARGIN).0;
        self.until.fetch_max(until, Ordering::Release);
    }

    /// Ends it: this node was fenced.
    pub fn end(&self) {
        self.generation_count.fetch_add(1, Ordering::AcqRel);
        self.until.store(0, Ordering::Release);
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        match self.until.load(Ordering::Acquire) {
            u64::MAX => true,
            until => BootTime::now().0 < until,
        }
    }

    /// Whether it holds, and has held or lapsed since `generation` without an end.
    pub fn holds_in(&self, generation: LeaseGeneration) -> bool {
        // In this order: an end between the two is seen.
        self.holds() && self.generation() == generation
    }

    /// How long it still holds; `None` when it has lapsed.
    pub fn remaining(&self) -> Option<Duration> {
        let until = self.until.load(Ordering::Acquire);
        let now = BootTime::now().0;
        (now < until).then(|| Duration::from_nanos(until - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_holds_from_when_its_renewal_was_sent_and_for_less_than_others_wait() {
        let lease = LocalLease::lapsed();
        assert!(!lease.holds());
        let now = BootTime::now();
        lease.renewed(now);
        assert!(lease.holds());
        let remaining = lease.remaining().expect("it holds");
        assert!(remaining <= TTL - MARGIN, "{remaining:?}");
        // An older renewal that is heard of later takes nothing away.
        lease.renewed(BootTime(now.0 - 1_000_000_000));
        assert!(lease.remaining().expect("it holds") > Duration::from_secs(2));
        let generation = lease.generation();
        assert!(lease.holds_in(generation));
        lease.end();
        assert!(!lease.holds());
        lease.renewed(now);
        assert!(lease.holds_in(lease.generation()));
        assert!(!lease.holds_in(generation), "of before");
        let late = LocalLease::lapsed();
        late.renewed(BootTime(now.0 - TTL.as_nanos() as u64));
        assert!(!late.holds(), "sent too long ago");
        assert!(LocalLease::unlimited().holds());
    }
}
