//! Until when this node may serve reads from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A node whose heartbeat has stopped for so long may be fenced by others.
pub const TTL: Duration = Duration::from_secs(4);
/// A node stops serving from memory so long before: clocks run at different speeds, and messages
/// take time.
const MARGIN: Duration = Duration::from_secs(1);

/// A timestamp of the clock that continues while the machine sleeps: a node that was suspended must
/// not take its lease for valid when it wakes up. In nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(u64);

impl BootTime {
    /// The current time of the clock `CLOCK_BOOTTIME`.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
        Self(seconds * 1_000_000_000 + nanos)
    }

    /// Nanoseconds since the machine was started.
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    #[cfg(test)]
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The time since an earlier one, given in nanoseconds.
    pub(crate) const fn since(self, earlier: u64) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier))
    }

    fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_nanos() as u64)
    }
}

/// The right of a node to return what no commit of its own proves: reads, rejections, and replayed
/// responses. No other node acquires its shards while the lease holds. Check it after reading the
/// state and before returning it.
#[derive(Clone, Debug)]
pub struct LocalLease {
    until: Arc<AtomicU64>,
    /// How often the lease was ended.
    generation: Arc<AtomicU64>,
}

/// The time from one end of a lease to the next. State that was read in one generation proves
/// nothing in another: meanwhile others may have owned the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseGeneration(u64);

impl LocalLease {
    /// A lease that always holds, for a node that is alone: no other can acquire its shards.
    pub fn unlimited() -> Self {
        Self::until(u64::MAX)
    }

    /// A lease that does not hold before it is renewed.
    pub fn lapsed() -> Self {
        Self::until(0)
    }

    fn until(until: u64) -> Self {
        Self {
            until: Arc::new(AtomicU64::new(until)),
            generation: Arc::default(),
        }
    }

    /// The current generation, for a later [`Self::holds_in`].
    pub fn generation(&self) -> LeaseGeneration {
        LeaseGeneration(self.generation.load(Ordering::Acquire))
    }

    /// Renews the lease after a heartbeat that succeeded. `sent` is a time at or before the sending
    /// of that heartbeat.
    pub fn renewed(&self, sent: BootTime) {
        let until = sent.plus(TTL - MARGIN).0;
        self.until.fetch_max(until, Ordering::Release);
    }

    /// Ends the lease and its generation: this node was fenced or has left.
    pub fn end(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.until.store(0, Ordering::Release);
    }

    /// Whether the lease holds now.
    pub fn holds(&self) -> bool {
        match self.until.load(Ordering::Acquire) {
            u64::MAX => true,
            until => BootTime::now().0 < until,
        }
    }

    /// Whether the lease holds now and was not ended since `generation` was read. It may have
    /// expired and been renewed in between.
    pub fn holds_in(&self, generation: LeaseGeneration) -> bool {
        // In this order, so that an end between the two is seen.
        self.holds() && self.generation() == generation
    }

    /// For how long the lease still holds; `None` when it has expired.
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
    fn i3_lease_expires_before_others_fence_its_node() {
        let lease = LocalLease::lapsed();
        assert!(!lease.holds());
        let now = BootTime::now();
        lease.renewed(now);
        assert!(lease.holds());
        let remaining = lease.remaining().expect("it holds");
        assert!(remaining <= TTL - MARGIN, "{remaining:?}");
        // An older renewal that is noted later shortens nothing.
        lease.renewed(BootTime(now.0 - 1_000_000_000));
        assert!(lease.remaining().expect("it holds") > Duration::from_secs(2));
        let generation = lease.generation();
        assert!(lease.holds_in(generation));
        lease.end();
        assert!(!lease.holds());
        lease.renewed(now);
        assert!(lease.holds_in(lease.generation()));
        assert!(!lease.holds_in(generation), "an earlier generation");
        let late = LocalLease::lapsed();
        late.renewed(BootTime(now.0 - TTL.as_nanos() as u64));
        assert!(!late.holds(), "sent too long ago");
        assert!(LocalLease::unlimited().holds());
    }
}
