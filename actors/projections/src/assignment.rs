//! Which shards a node's projections follow: what they are told to, and what each has heard of.

use std::collections::{HashMap, HashSet};

use fritzy_types::{ShardId, ShardLease};
use tokio::sync::watch;

/// The shards that all projections of a node shall follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Owned {
    pub(super) leases: HashMap<ShardId, ShardLease>,
    /// How often all were given up at once.
    pub(super) abandoned: u64,
}

impl Owned {
    pub(super) fn add(&mut self, leases: &[ShardLease]) {
        let leases = leases.iter();
        self.leases
            .extend(leases.map(|lease| (lease.shard, *lease)));
    }

    /// Answers the leases of those that were there.
    pub(super) fn remove(&mut self, shards: &[ShardId]) -> Vec<ShardLease> {
        let shards = shards.iter();
        shards
            .filter_map(|shard| self.leases.remove(shard))
            .collect()
    }
}

/// What one runner follows, as it goes after what is owned.
pub(super) struct Ownership {
    owned: watch::Receiver<Owned>,
    held: watch::Sender<HashSet<ShardLease>>,
}

impl Ownership {
    pub(super) fn new(owned: watch::Receiver<Owned>) -> Self {
        let held = watch::Sender::default();
        Self { owned, held }
    }

    /// Changes with what this runner holds.
    pub(super) fn held(&self) -> watch::Receiver<HashSet<ShardLease>> {
        self.held.subscribe()
    }

    /// One who notices changes from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Owned> {
        self.owned.clone()
    }

    pub(super) fn abandoned(&self) -> u64 {
        self.owned.borrow().abandoned
    }

    /// Returns when all were given up at once, more often than `before`.
    pub(super) async fn abandoned_since(&self, before: u64) {
        let mut owned = self.owned.clone();
        let changed = owned.wait_for(|owned| owned.abandoned != before);
        let nobody_tells = changed.await.is_err();
        if nobody_tells {
            // Whoever could give them up is gone.
            std::future::pending::<()>().await;
        }
    }

    /// Holds what is owned now, if nothing else is followed; otherwise answers what is followed and not owned any more,
    /// which is to be left first.
    pub(super) fn hold(
        &self,
        owned: &mut watch::Receiver<Owned>,
        followed: &[ShardLease],
    ) -> Result<HashMap<ShardId, ShardLease>, Vec<ShardLease>> {
        // Locked until it is noted: whoever disowns a shard either is seen here, or sees there that it is held.
        let owned = owned.borrow_and_update();
        let is_gone = |lease: &&ShardLease| owned.leases.get(&lease.shard) != Some(*lease);
        let gone: Vec<ShardLease> = followed.iter().filter(is_gone).copied().collect();
        if !gone.is_empty() {
            return Err(gone);
        }
        let held = owned.leases.values().copied().collect();
        self.held.send_replace(held);
        Ok(owned.leases.clone())
    }

    /// Ends, however its holder does, with nothing held.
    pub(super) fn until_dropped(&self) -> impl Drop {
        struct Holding<'o>(&'o Ownership);

        impl Drop for Holding<'_> {
            fn drop(&mut self) {
                self.0.held.send_replace(HashSet::new());
            }
        }

        Holding(self)
    }
}
