//! When to send a request again: after waits that grow and vary, while the failures of one request last too short a
//! time to give up.
//!
//! The waits are "decorrelated jitter" of
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>: each is drawn between the least wait
//! and three times the one before it, so that many requests that failed together do not come back together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::random::SplitMix64;

/// Short enough that a blink of the node costs next to nothing.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// Long enough to leave a starting node in peace, short enough to notice it soon.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The failures of one request since it was first sent.
#[derive(Debug)]
pub(super) struct Backoff {
    retry_for: Duration,
    first_failure: Option<Instant>,
    wait: Duration,
    random: SplitMix64,
}

impl Backoff {
    pub(super) fn new(retry_for: Duration) -> Self {
        Self {
            retry_for,
            first_failure: None,
            wait: WAIT_MIN,
            // The standard library's hasher is keyed at random; nothing here needs more than that.
            random: SplitMix64::new(RandomState::new().hash_one(0_u8)),
        }
    }

    /// How long to wait after a failure at `now`; `None` when failures would have lasted longer than allowed by then.
    pub(super) fn after_failure(&mut self, now: Instant) -> Option<Duration> {
        let first = *self.first_failure.get_or_insert(now);
        let upper = (self.wait * 3).min(WAIT_MAX);
        self.wait = WAIT_MIN + (upper - WAIT_MIN).mul_f64(self.random.fraction());
        let lasted = now.duration_since(first) + self.wait;
        (lasted <= self.retry_for).then_some(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_vary_within_their_bounds_and_end() {
        let mut backoff = Backoff::new(Duration::from_secs(60));
        let start = Instant::now();
        let mut now = start;
        let mut waits = Vec::new();
        while let Some(wait) = backoff.after_failure(now) {
            assert!((WAIT_MIN..=WAIT_MAX).contains(&wait), "{wait:?}");
            waits.push(wait);
            now += wait;
        }
        assert!(now.duration_since(start) <= Duration::from_secs(60));
        assert!(now.duration_since(start) >= Duration::from_secs(58));
        assert!(
            waits[0] <= WAIT_MIN * 3,
            "the first wait is short: {waits:?}"
        );
        assert!(waits.len() >= 30, "{waits:?}");
        waits.dedup();
        assert!(waits.len() > 2, "{waits:?}");
    }

    #[test]
    fn without_time_to_retry_the_first_failure_is_the_last() {
        let mut backoff = Backoff::new(Duration::ZERO);
        assert_eq!(backoff.after_failure(Instant::now()), None);
    }
}
