//! The newest claim of each shard.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fritzy_types::{Epoch, ShardId, ShardLease};
use tokio::sync::watch;

/// The newest claim of a shard that this node was granted. It is as much a fact as an event: no
/// line of history ever lowers the epoch of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownClaim {
    pub(crate) shard: ShardId,
    pub(crate) epoch: Epoch,
    /// Whether the last event of the shard was read since. A process that has restarted does not
    /// know it, and may never write one.
    pub(crate) is_read: bool,
}

/// The newest claim of each shard. Only a new generation makes them forgotten.
#[derive(Debug, Default)]
pub(crate) struct KnownClaims {
    claims: Mutex<HashMap<ShardId, KnownClaim>>,
    /// The first lease of such a claim that the database has refused.
    refused: watch::Sender<Option<ShardLease>>,
}

impl KnownClaims {
    /// Notes claims. To be called after their commit, and before their leases are used.
    pub(crate) fn note(&self, leases: &[ShardLease]) {
        // Every entry is written whole, so a panic of another holder leaves nothing half done.
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        for &ShardLease { shard, epoch, .. } in leases {
            let claim = KnownClaim {
                shard,
                epoch,
                is_read: false,
            };
            let known = claims.entry(shard).or_insert(claim);
            if known.epoch < epoch {
                *known = claim;
            }
        }
    }

    /// Notes that the last events of these shards were read, unless they were claimed again.
    pub(crate) fn note_read(&self, read: &[KnownClaim]) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        for claim in read {
            if let Some(known) = claims.get_mut(&claim.shard)
                && known.epoch == claim.epoch
            {
                known.is_read = true;
            }
        }
    }

    /// Notes leases that the database has refused, as belonging to older claims. That is no wonder,
    /// unless one is of the newest claim that this node was granted.
    pub(crate) fn note_refused(&self, leases: impl IntoIterator<Item = ShardLease>) {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newest = |lease: &ShardLease| {
            let known = claims.get(&lease.shard);
            known.is_some_and(|known| known.epoch == lease.epoch)
        };
        if let Some(newest) = leases.into_iter().find(is_newest) {
            self.refused.send_if_modified(|refused| {
                let is_first = refused.is_none();
                refused.get_or_insert(newest);
                is_first
            });
        }
    }

    /// The first lease of a newest claim that the database has refused, once there is one.
    pub(crate) fn refused(&self) -> watch::Receiver<Option<ShardLease>> {
        self.refused.subscribe()
    }

    /// All of them, in ascending order of shards.
    pub(crate) fn all(&self) -> Vec<KnownClaim> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<KnownClaim> = claims.values().copied().collect();
        all.sort_unstable_by_key(|claim| claim.shard);
        all
    }

    /// Forgets all: the database has another history now.
    pub(crate) fn forget(&self) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.clear();
        // The other history explains it.
        self.refused.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::NodeId;
    use uuid::Uuid;

    use super::*;

    fn lease(shard: u16, epoch: u64) -> ShardLease {
        ShardLease {
            shard: ShardId(shard),
            owner: NodeId::from_uuid(Uuid::nil()),
            epoch: Epoch(epoch),
        }
    }

    fn epochs(claims: &KnownClaims) -> Vec<(u16, u64, bool)> {
        let all = claims.all().into_iter();
        all.map(|claim| (claim.shard.0, claim.epoch.0, claim.is_read))
            .collect()
    }

    #[test]
    fn i3_earlier_claim_does_not_replace_a_later_one() {
        let claims = KnownClaims::default();
        claims.note(&[lease(3, 7), lease(1, 1)]);
        claims.note(&[lease(3, 6)]);
        assert_eq!(epochs(&claims), [(1, 1, false), (3, 7, false)]);
        claims.forget();
        assert_eq!(epochs(&claims), []);
    }

    #[test]
    fn i3_only_a_refusal_of_the_newest_claim_is_noted() {
        let claims = KnownClaims::default();
        claims.note(&[lease(3, 7), lease(1, 1)]);
        claims.note_refused([lease(3, 6), lease(2, 1)]);
        assert_eq!(*claims.refused().borrow(), None);
        claims.note_refused([lease(3, 6), lease(3, 7)]);
        claims.note_refused([lease(1, 1)]);
        assert_eq!(*claims.refused().borrow(), Some(lease(3, 7)));
        claims.forget();
        assert_eq!(*claims.refused().borrow(), None);
    }

    /// While the shard was read, another node may have written to it, and this one claimed it again.
    #[test]
    fn shard_claimed_again_is_read_again() {
        let claims = KnownClaims::default();
        claims.note(&[lease(3, 7), lease(1, 1)]);
        let read = claims.all();
        claims.note(&[lease(3, 9)]);
        claims.note_read(&read);
        assert_eq!(epochs(&claims), [(1, 1, true), (3, 9, false)]);
    }
}
