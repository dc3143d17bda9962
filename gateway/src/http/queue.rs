//! The queue in front of execution: a request that finds no place waits for a short time before it
//! is refused.

use std::time::{Duration, Instant};

use fritzy_cluster::admission::{AdmissionControl, RequestPermit};

use super::metrics::QueueMetrics;
use super::rejection::HttpRejection;

/// Requests that wait at most. A fast node executes 1 400 in 100 ms; each takes some 20 KB, and its
/// body is counted elsewhere.
const QUEUED_MAX: usize = 2_048;

/// The places of requests being executed, and the queue of those that wait for one.
pub(super) struct Queue {
    /// Taken before a document is parsed: rejecting must cost next to nothing, or it would itself
    /// cause an overload.
    permits: AdmissionControl,
    wait_max: Duration,
    metrics: QueueMetrics,
}

impl Queue {
    /// Places for `requests_max` requests. Others wait up to `wait_max`; with zero, none waits.
    pub(super) fn new(requests_max: usize, wait_max: Duration, metrics: QueueMetrics) -> Self {
        let queued_max = if wait_max.is_zero() { 0 } else { QUEUED_MAX };
        Self {
            permits: AdmissionControl::new(requests_max, queued_max),
            wait_max,
            metrics,
        }
    }

    /// Whether a request would certainly be refused, so that its body need not be read.
    pub(super) fn is_full(&self) -> bool {
        self.permits.is_full()
    }

    /// A place for one request, at the latest at its deadline.
    ///
    /// # Errors
    /// `OVERLOADED` when none becomes free in time, or too many wait already.
    pub(super) async fn admit(&self, deadline: Instant) -> Result<RequestPermit, HttpRejection> {
        if let Some(permit) = self.permits.admit() {
            return Ok(permit);
        }
        if self.is_full() {
            return Err(HttpRejection::overloaded());
        }
        let _waiting = self.metrics.wait();
        let left = deadline.saturating_duration_since(Instant::now());
        let admitted = self.permits.admit_within(self.wait_max.min(left)).await;
        admitted.ok_or_else(HttpRejection::overloaded)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn queue(wait: Duration) -> Queue {
        Queue::new(1, wait, QueueMetrics::new(&mut Registry::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_at_the_deadline() {
        let queue = queue(Duration::from_secs(60));
        let now = Instant::now();
        let later = now + Duration::from_secs(3_600);
        let _held = queue.admit(later).await.ok().expect("free");
        let began = tokio::time::Instant::now();
        let near = now + Duration::from_secs(2);
        assert!(queue.admit(near).await.is_err());
        assert!(began.elapsed() <= Duration::from_secs(2));
        let began = tokio::time::Instant::now();
        assert!(queue.admit(later).await.is_err());
        assert!(began.elapsed() >= Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn queue_is_bounded() {
        let queue = std::sync::Arc::new(queue(Duration::from_secs(60)));
        let later = Instant::now() + Duration::from_secs(3_600);
        let held = queue.admit(later).await.ok().expect("free");
        let waiting: Vec<_> = (0..QUEUED_MAX)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.admit(later).await.is_ok() })
            })
            .collect();
        for _ in 0..QUEUED_MAX {
            tokio::task::yield_now().await;
        }
        assert!(queue.is_full());
        let began = tokio::time::Instant::now();
        assert!(queue.admit(later).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO, "refused at once");
        drop(held);
        for waiting in waiting {
            assert!(waiting.await.expect("no panic"));
        }
    }
}
