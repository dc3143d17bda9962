//! Watches a committer: by when its current step must have ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// How much later than its own limit a step may end, and how long the code between two steps may
/// take: on a machine without free cores everything is late.
const SLACK: Duration = Duration::from_secs(1);

/// What the times count from.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// By when the current step of a committer must have ended. Clones share it. A committer that never
/// says what it does is not watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepClock(Arc<AtomicU64>);

impl StepClock {
    /// A step begins, which ends within its own limit: waiting for the database within it is
    /// progress.
    pub(crate) fn begin(&self, limit: Duration) {
        let until = BEGAN.elapsed() + limit + SLACK;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.0.store(until.max(1), Ordering::Relaxed);
    }

    /// The step has ended; the next one begins soon.
    pub(crate) fn between(&self) {
        self.begin(Duration::ZERO);
    }

    /// There is nothing to do.
    pub(crate) fn idle(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// For how long the current step should have ended by now; `None` if it need not.
    pub(crate) fn overdue(&self) -> Option<Duration> {
        let until = match self.0.load(Ordering::Relaxed) {
            0 => return None,
            until => Duration::from_millis(until),
        };
        BEGAN.elapsed().checked_sub(until)
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn step_is_overdue_beyond_its_limit_and_slack() {
        let clock = StepClock::default();
        assert_eq!(clock.overdue(), None);
        clock.begin(Duration::from_secs(60));
        assert_eq!(clock.overdue(), None);
        clock.between();
        assert_eq!(clock.overdue(), None);
        sleep(SLACK + Duration::from_millis(50));
        assert!(clock.overdue().is_some());
        clock.idle();
        assert_eq!(clock.overdue(), None);
    }
}
