//! Delays between attempts to reach a server: doubling up to a limit, with full jitter, so that
//! clients that lost the same server do not return at the same time
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::iter::Map;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Upper bound of the first delay. A restarting server refuses connections for some tenths of a
/// second.
const FIRST: Duration = Duration::from_millis(20);
/// Upper bound of every delay: how long a server that is back can stay unnoticed.
const LONGEST: Duration = Duration::from_secs(1);

/// The delays of one series of attempts; it never ends.
pub(crate) type Backoff = Map<ExponentialBackoff, fn(Duration) -> Duration>;

/// A new series of delays. `backon` doubles them; its own jitter only lengthens delays, so the
/// jitter is added here.
pub(crate) fn full_jitter() -> Backoff {
    let limits = ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .with_factor(2.0)
        .without_max_times();
    let jitter: fn(Duration) -> Duration = |limit| limit.mul_f64(fastrand::f64());
    limits.build().map(jitter)
}

/// The next delay of a series.
pub(crate) fn next_delay(backoff: &mut Backoff) -> Duration {
    backoff.next().expect("the series has no last delay")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_with_jitter() {
        let mut longest = vec![Duration::ZERO; 100];
        for _ in 0..200 {
            for (longest, delay) in longest.iter_mut().zip(full_jitter()) {
                *longest = delay.max(*longest);
            }
        }
        assert!(longest[0] <= FIRST && longest[1] <= 2 * FIRST);
        assert!(longest[99] <= LONGEST && longest[99] > LONGEST / 2);
        let some: std::collections::BTreeSet<Duration> = full_jitter().take(10).collect();
        assert!(some.len() > 5);
    }
}
