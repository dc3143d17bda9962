//! What every part of a projection's runner works with: the projection's factory, the stores, the
//! assigned shards, and the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use fritzy_domain::{Cursors, Journal, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::assignment::AssignmentTracker;
use crate::clock::now;
use crate::progress::Progress;
use crate::status::Counts;
use crate::{Begin, ProjectionStart};

pub(super) struct Context {
    pub(super) start: Arc<dyn ProjectionStart>,
    pub(super) journal: Journal,
    pub(super) cursors: Arc<dyn Cursors>,
    pub(super) assignments: AssignmentTracker,
    pub(super) counts: Counts,
    /// Cancelled when a stop is requested.
    pub(super) stop: CancellationToken,
}

impl Context {
    pub(super) fn name(&self) -> &'static str {
        self.start.name()
    }

    /// The shards at their saved cursors. The heads are read after the feed was subscribed to, so
    /// that no event is missed in between.
    pub(super) async fn open_shards(
        &self,
        leases: &[ShardLease],
    ) -> Result<HashMap<ShardId, Progress>, StorageError> {
        let saved = self.cursors.cursors(self.name()).await?;
        let mut saved: HashMap<ShardId, _> = saved
            .into_iter()
            .map(|cursor| (cursor.shard, cursor))
            .collect();
        let heads = self.journal.heads().await?;
        let mut shards = HashMap::with_capacity(leases.len());
        for &lease in leases {
            let head = heads.get(&lease.shard).copied().unwrap_or_default();
            let begin = match self.start.begin() {
                Begin::Now => head,
                Begin::Start => 0,
            };
            let mut progress = Progress::new(lease, saved.remove(&lease.shard), begin);
            self.check_head(&mut progress, head);
            shards.insert(lease.shard, progress);
        }
        // Where a projection begins is saved at once: `Begin::Now` means now, and not the time at
        // which the projection can start at last.
        let begun: Vec<_> = shards.values().filter_map(Progress::to_begin).collect();
        if !begun.is_empty() {
            self.cursors.save_cursors(self.name(), begun).await?;
            let saved = self.cursors.cursors(self.name()).await?;
            for cursor in saved {
                if let Some(progress) = shards.get_mut(&cursor.shard) {
                    progress.begun(cursor);
                }
            }
        }
        Ok(shards)
    }

    /// Sets the head of a shard, and stops the shard if its cursor is beyond the head.
    fn check_head(&self, progress: &mut Progress, head: Position) {
        progress.grown_to(head);
        if progress.is_beyond(head) && !progress.is_stopped() {
            let shard = progress.lease().shard;
            let reason = format!(
                "the cursor is beyond the end of the journal, {head}: the database was restored, or is \
                 another one"
            );
            error!(projection = self.name(), %shard, reason, "a projection stopped in a shard");
            progress.poisoned(progress.next(), reason);
        }
    }

    /// Publishes the lag as metrics.
    pub(super) fn report_lag(&self, shards: &HashMap<ShardId, Progress>) {
        let shards = shards.values();
        let lag = shards.clone().map(Progress::lag).sum();
        let oldest = shards.clone().filter_map(Progress::oldest).min();
        let lag_micros = oldest.map_or(0, |oldest| now().as_micros() - oldest.as_micros());
        let stopped = shards.filter(|shard| shard.is_stopped()).count();
        let lag_s = lag_micros.max(0) as f64 / 1e6;
        self.counts.set_lag(lag, lag_s, stopped);
    }
}
