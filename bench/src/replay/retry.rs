//! The delays between attempts of one request, and when to stop retrying.

use std::time::Duration;

use backon::ExponentialBuilder;
use tokio::time::Instant;

use crate::CallError;

/// Short enough that a brief failure of the node costs next to nothing.
const DELAY_MIN: Duration = Duration::from_millis(50);
/// Long enough not to burden a starting node, short enough to notice it soon. Jitter included.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// Exponential delays. The jitter is up to the delay itself, and each request has its own seed, so
/// that requests that failed together are not retried together.
pub(super) fn retry_delays() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(DELAY_MIN)
        .with_max_delay(DELAY_MAX / 2)
        .with_jitter()
        // Without its feature `std`, backon would use one seed for all.
        .with_jitter_seed(fastrand::u64(..))
        .without_max_times()
}

/// Keeps the delay after a failure, or ends retrying (`None`) if failures would last longer than
/// `limit` after it. The time counts from the first failure.
pub(super) fn retries_for(
    limit: Duration,
) -> impl FnMut(&CallError, Option<Duration>) -> Option<Duration> {
    let mut first_failure = None;
    move |_, delay| {
        let lasted = first_failure.get_or_insert_with(Instant::now).elapsed();
        delay.filter(|delay| lasted + *delay <= limit)
    }
}

#[cfg(test)]
mod tests {
    use backon::BackoffBuilder;

    use super::*;

    fn failure() -> CallError {
        CallError::Protocol("any".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn delays_vary_within_their_bounds_and_end() {
        let limit = Duration::from_secs(60);
        let (mut delays, mut adjust) = (retry_delays().build(), retries_for(limit));
        let start = Instant::now();
        let mut kept = Vec::new();
        while let Some(delay) = adjust(&failure(), delays.next()) {
            assert!((DELAY_MIN..=DELAY_MAX).contains(&delay), "{delay:?}");
            kept.push(delay);
            tokio::time::advance(delay).await;
        }
        assert!(start.elapsed() <= limit);
        assert!(start.elapsed() >= limit - DELAY_MAX);
        assert!(
            kept[0] <= DELAY_MIN * 2,
            "the first delay is short: {kept:?}"
        );
        assert!(kept.len() >= 30, "{kept:?}");
        kept.dedup();
        assert!(kept.len() > 2, "{kept:?}");
    }

    #[test]
    fn requests_have_different_delays() {
        let delays = || retry_delays().build().take(5).collect::<Vec<_>>();
        assert_ne!(delays(), delays());
    }

    #[tokio::test]
    async fn zero_limit_never_retries() {
        assert_eq!(
            retries_for(Duration::ZERO)(&failure(), Some(DELAY_MIN)),
            None
        );
    }
}
