//! Which shards the projections of a node follow: what is assigned to all, and what each of them
//! holds.

use std::collections::{HashMap, HashSet};

use fritzy_types::{ShardId, ShardLease};
use tokio::sync::watch;

/// The shards that all projections of a node have to follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Assignment {
    pub(super) leases: HashMap<ShardId, ShardLease>,
    /// How often all shards were revoked at once.
    abandoned: u64,
    /// How many there were the last time. A node that has released all shards before it leaves has
    /// none.
    abandoned_shards: usize,
}

impl Assignment {
    pub(super) fn add(&mut self, leases: &[ShardLease]) {
        let leases = leases.iter();
        self.leases
            .extend(leases.map(|lease| (lease.shard, *lease)));
    }

    /// Returns the leases of those shards that were assigned.
    pub(super) fn remove(&mut self, shards: &[ShardId]) -> Vec<ShardLease> {
        let shards = shards.iter();
        shards
            .filter_map(|shard| self.leases.remove(shard))
            .collect()
    }

    /// Revokes all shards at once.
    pub(super) fn abandon(&mut self) {
        self.abandoned_shards = self.leases.len();
        self.leases.clear();
        self.abandoned += 1;
    }
}

/// The shards that one runner holds, as it follows the assignment.
pub(super) struct AssignmentTracker {
    assignment: watch::Receiver<Assignment>,
    held: watch::Sender<HashSet<ShardLease>>,
}

impl AssignmentTracker {
    pub(super) fn new(assignment: watch::Receiver<Assignment>) -> Self {
        let held = watch::Sender::default();
        Self { assignment, held }
    }

    /// Changes with what this runner holds.
    pub(super) fn held(&self) -> watch::Receiver<HashSet<ShardLease>> {
        self.held.subscribe()
    }

    /// A receiver that notices changes from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Assignment> {
        self.assignment.clone()
    }

    pub(super) fn abandoned(&self) -> u64 {
        self.assignment.borrow().abandoned
    }

    /// How many shards were revoked when all were at once.
    pub(super) fn abandoned_shards(&self) -> usize {
        self.assignment.borrow().abandoned_shards
    }

    /// Returns when all shards were revoked at once after the count was `before`.
    pub(super) async fn abandoned_since(&self, before: u64) {
        let mut assignment = self.assignment.clone();
        let changed = assignment.wait_for(|assignment| assignment.abandoned != before);
        let is_sender_gone = changed.await.is_err();
        if is_sender_gone {
            // Nobody can revoke them any more.
            std::future::pending::<()>().await;
        }
    }

    /// Holds what is assigned now, if nothing else is followed. Otherwise returns the leases that
    /// are followed and no longer assigned; they have to be released first.
    pub(super) fn hold(
        &self,
        assignment: &mut watch::Receiver<Assignment>,
        followed: &[ShardLease],
    ) -> Result<HashMap<ShardId, ShardLease>, Vec<ShardLease>> {
        // Locked until `held` is set: a concurrent revocation is either seen here, or sees there
        // that the shard is held.
        let assignment = assignment.borrow_and_update();
        let is_gone = |lease: &&ShardLease| assignment.leases.get(&lease.shard) != Some(*lease);
        let gone: Vec<ShardLease> = followed.iter().filter(is_gone).copied().collect();
        if !gone.is_empty() {
            return Err(gone);
        }
        let held = assignment.leases.values().copied().collect();
        self.held.send_replace(held);
        Ok(assignment.leases.clone())
    }

    /// A guard: nothing is held any more once it is dropped.
    pub(super) fn release_on_drop(&self) -> impl Drop {
        struct Holding<'t>(&'t AssignmentTracker);

        impl Drop for Holding<'_> {
            fn drop(&mut self) {
                self.0.held.send_replace(HashSet::new());
            }
        }

        Holding(self)
    }
}
