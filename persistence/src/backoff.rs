//! Waits between tries: doubling, up to a limit, with full jitter, so that many who lost the same server do
//! not come back at the same moments
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::time::Duration;

/// The first wait at most. A server that was restarted refuses for some tenths of a second.
const FIRST: Duration = Duration::from_millis(20);
/// A wait at most: how long a server can be back without being noticed.
const LONGEST: Duration = Duration::from_secs(1);

/// The waits of one series of tries.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let limit = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        limit.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_differ() {
        let mut limits = Vec::new();
        for tries in 0..100 {
            let longest = (0..200).map(|_| Backoff { tries }.next()).max();
            limits.push(longest.expect("some"));
        }
        assert!(limits[0] <= FIRST && limits[1] <= 2 * FIRST);
        assert!(limits[99] <= LONGEST && limits[99] > LONGEST / 2);
        let mut backoff = Backoff::default();
        let some: std::collections::BTreeSet<Duration> = (0..10).map(|_| backoff.next()).collect();
        assert!(some.len() > 5);
    }
}
