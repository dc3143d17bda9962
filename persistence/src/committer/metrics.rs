//! The committer's metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Shared by the committer's task and its handles.
#[derive(Clone, Debug)]
pub(crate) struct CommitterMetrics {
    /// Appends in each commit: how well commits are grouped.
    pub(crate) batch_appends: Histogram,
    /// How long each commit took, the sync included.
    pub(crate) commit: Histogram,
    /// Commits that failed and were not retried.
    pub(crate) failures: Counter,
    /// Appends rejected because the queue was full.
    pub(crate) refused: Counter,
}

impl Default for CommitterMetrics {
    fn default() -> Self {
        Self {
            // 1 to 1 024 appends.
            batch_appends: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            // 0.1 ms to 3 s.
            commit: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            failures: Counter::default(),
            refused: Counter::default(),
        }
    }
}

impl CommitterMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let commits = "Appends in each commit";
        registry.register("commit_appends", commits, self.batch_appends.clone());
        let duration = "How long a commit took, sync included";
        let seconds = Unit::Seconds;
        registry.register_with_unit("commit_duration", duration, seconds, self.commit.clone());
        let failures = "Commits that failed";
        registry.register("commit_failures", failures, self.failures.clone());
        let refused = "Appends refused because the queue was full";
        registry.register("commit_queue_refusals", refused, self.refused.clone());
    }
}
