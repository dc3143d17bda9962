//! Waiting for a condition within a limit.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::ServiceError;

/// Pause between two checks: short against everything that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Checks a condition until it holds or `limit` is over. Returns whether it holds.
pub fn poll_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Blocks until a condition holds, and returns how long that took. `what` names the condition.
///
/// # Panics
/// When it does not hold within `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    assert!(poll_until(limit, holds), "not within {limit:?}: {what}");
    began.elapsed()
}

/// [`wait_until`] for async tests: it does not block the runtime between two checks.
///
/// # Panics
/// When the condition does not hold within `limit`.
pub async fn wait_until_async(
    what: &str,
    limit: Duration,
    mut holds: impl AsyncFnMut() -> bool,
) -> Duration {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    began.elapsed()
}

/// Runs a blocking operation of the testbed within an async test, and requires its success. The
/// test needs a runtime of several threads.
///
/// # Panics
/// When the operation fails.
#[track_caller]
pub fn blocking<T>(operation: impl FnOnce() -> Result<T, ServiceError>) -> T {
    tokio::task::block_in_place(operation).unwrap_or_else(|failure| panic!("{failure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_ends_when_the_condition_holds() {
        let mut checks = 0;
        wait_until("three checks", Duration::from_secs(60), || {
            checks += 1;
            checks == 3
        });
        assert_eq!(checks, 3);
        assert!(!poll_until(Duration::ZERO, || false));
    }

    #[test]
    #[should_panic(expected = "not within 1ms: the impossible")]
    fn wait_panics_at_its_limit() {
        wait_until("the impossible", Duration::from_millis(1), || false);
    }
}
