//! Which node owns which shard, as far as this node knows.

use std::sync::RwLock;
use std::sync::atomic::{AtomicU16, Ordering};

use fritzy_types::{Epoch, NodeId, ShardCount, ShardId, ShardLease, Slot};
use tokio::sync::watch;

use crate::protocol::frame::WIRE_MAX;

/// Where a shard runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardLocation {
    /// The shard runs on this node.
    Local,
    /// Another node owns the shard.
    Remote(NodeId),
    /// No owner is known, or this node owns the shard and does not run it yet.
    Unassigned,
}

#[derive(Clone, Copy, Debug)]
struct ShardEntry {
    location: ShardLocation,
    /// The owner, this node or another.
    owner: Option<NodeId>,
    epoch: Epoch,
}

/// The locations of all shards. Shared, and changed as ownership moves.
#[derive(Debug)]
pub struct ShardMap {
    count: ShardCount,
    entries: RwLock<Vec<ShardEntry>>,
    changes: watch::Sender<u64>,
    /// The newest version of the wire format that all live nodes know.
    oldest_wire: AtomicU16,
}

impl ShardMap {
    /// A map in which no shard has an owner.
    pub fn new(count: ShardCount) -> Self {
        let unassigned = ShardEntry {
            location: ShardLocation::Unassigned,
            owner: None,
            epoch: Epoch(0),
        };
        Self {
            count,
            entries: RwLock::new(vec![unassigned; usize::from(count.get())]),
            changes: watch::Sender::new(0),
            oldest_wire: AtomicU16::new(WIRE_MAX),
        }
    }

    /// The newest version of the wire format that all live nodes know, as last read.
    pub fn oldest_wire(&self) -> u16 {
        self.oldest_wire.load(Ordering::Relaxed)
    }

    /// Records the newest version of each live node, this one included.
    pub(crate) fn set_wires(&self, newest: impl Iterator<Item = u16>) {
        let oldest = newest.min().unwrap_or(WIRE_MAX);
        self.oldest_wire.store(oldest, Ordering::Relaxed);
    }

    /// How many shards there are.
    pub const fn count(&self) -> ShardCount {
        self.count
    }

    /// The shard of a routing key.
    pub const fn shard_of(&self, slot: Slot) -> ShardId {
        self.count.shard_of(slot)
    }

    /// Where a shard runs.
    pub fn location(&self, shard: ShardId) -> ShardLocation {
        let entries = self.entries.read().expect("no writer panics");
        entries
            .get(usize::from(shard.0))
            .map_or(ShardLocation::Unassigned, |entry| entry.location)
    }

    /// The owner of a shard, and the epoch since which it owns it.
    pub fn owner(&self, shard: ShardId) -> (Option<NodeId>, Epoch) {
        let entries = self.entries.read().expect("no writer panics");
        entries
            .get(usize::from(shard.0))
            .map_or((None, Epoch(0)), |entry| (entry.owner, entry.epoch))
    }

    /// Records shards that run here from now on.
    pub fn record(&self, leases: &[ShardLease]) {
        self.change(leases.iter().map(|lease| {
            let owner = Some(lease.owner);
            (lease.shard, ShardLocation::Local, owner, lease.epoch)
        }));
    }

    /// Applies ownership as read from the table or received from peers. Shards of this node, `me`,
    /// are not here before [`Self::record`]. Older epochs than the known one change nothing.
    pub fn apply(
        &self,
        me: NodeId,
        owners: impl IntoIterator<Item = (ShardId, Option<NodeId>, Epoch)>,
    ) {
        self.change(owners.into_iter().map(|(shard, owner, epoch)| {
            let location = match owner {
                Some(owner) if owner != me => ShardLocation::Remote(owner),
                _ => ShardLocation::Unassigned,
            };
            (shard, location, owner, epoch)
        }));
    }

    /// Records that shards do not run here any more; their next owner is applied later.
    pub fn forget(&self, shards: &[ShardId]) {
        let mut entries = self.entries.write().expect("no writer panics");
        for shard in shards {
            if let Some(entry) = entries.get_mut(usize::from(shard.0)) {
                entry.location = ShardLocation::Unassigned;
            }
        }
        drop(entries);
        self.notify_waiters();
    }

    fn change(
        &self,
        changes: impl IntoIterator<Item = (ShardId, ShardLocation, Option<NodeId>, Epoch)>,
    ) {
        let mut entries = self.entries.write().expect("no writer panics");
        let mut changed = false;
        for (shard, location, owner, epoch) in changes {
            let Some(entry) = entries.get_mut(usize::from(shard.0)) else {
                continue;
            };
            // A shard that runs here stays here until it is forgotten or another node owns it; that
            // its owner has raised the epoch itself moves nothing.
            let newer = match entry.location {
                ShardLocation::Local => epoch > entry.epoch && owner != entry.owner,
                _ => {
                    let differs = owner != entry.owner || location != entry.location;
                    epoch > entry.epoch || epoch == entry.epoch && differs
                }
            };
            if newer || location == ShardLocation::Local {
                *entry = ShardEntry {
                    location,
                    owner,
                    epoch,
                };
                changed = true;
            }
        }
        drop(entries);
        if changed {
            self.notify_waiters();
        }
    }

    /// Wakes up waiting requests: a connection to a node has opened, or the like.
    pub fn notify_waiters(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// A receiver that changes with each change of the map, and with [`Self::notify_waiters`].
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SHARD: ShardId = ShardId(3);

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    fn map() -> ShardMap {
        ShardMap::new(ShardCount::new(8).expect("in range"))
    }

    fn lease(owner: u128, epoch: u64) -> ShardLease {
        ShardLease {
            shard: SHARD,
            owner: node(owner),
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn apply_ignores_epochs_older_than_the_known_one() {
        let (map, me) = (map(), node(1));
        map.apply(me, [(SHARD, Some(node(2)), Epoch(5))]);
        map.apply(me, [(SHARD, Some(node(3)), Epoch(4))]);
        assert_eq!(map.location(SHARD), ShardLocation::Remote(node(2)));
        map.apply(me, [(SHARD, None, Epoch(5))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Unassigned,
            "it was released"
        );
        map.apply(me, [(SHARD, Some(node(3)), Epoch(6))]);
        assert_eq!(map.location(SHARD), ShardLocation::Remote(node(3)));
    }

    #[test]
    fn shard_is_local_from_record_until_forgotten_or_reassigned() {
        let (map, me) = (map(), node(1));
        map.apply(me, [(SHARD, Some(me), Epoch(5))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Unassigned,
            "owned, not running"
        );
        map.record(&[lease(1, 5)]);
        assert_eq!(map.location(SHARD), ShardLocation::Local);
        map.apply(me, [(SHARD, Some(me), Epoch(7))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Local,
            "its owner raised the epoch"
        );
        map.apply(me, [(SHARD, None, Epoch(5))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Local,
            "an outdated read"
        );
        map.apply(me, [(SHARD, Some(node(2)), Epoch(8))]);
        assert_eq!(map.location(SHARD), ShardLocation::Remote(node(2)));
        map.record(&[lease(1, 9)]);
        map.forget(&[SHARD]);
        assert_eq!(map.location(SHARD), ShardLocation::Unassigned);
    }

    #[test]
    fn forgotten_owner_is_applied_again_at_the_same_epoch() {
        let (map, me) = (map(), node(1));
        map.apply(me, [(SHARD, Some(node(2)), Epoch(5))]);
        map.forget(&[SHARD]);
        assert_eq!(map.location(SHARD), ShardLocation::Unassigned);
        map.apply(me, [(SHARD, Some(node(2)), Epoch(5))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Remote(node(2)),
            "of another incarnation"
        );
        map.record(&[lease(1, 6)]);
        map.forget(&[SHARD]);
        map.apply(me, [(SHARD, Some(me), Epoch(6))]);
        assert_eq!(
            map.location(SHARD),
            ShardLocation::Unassigned,
            "it does not run here any more"
        );
    }

    #[tokio::test]
    async fn watchers_are_notified_of_changes_only() {
        let (map, me) = (map(), node(1));
        let mut changes = map.watch();
        map.apply(me, [(SHARD, Some(node(2)), Epoch(1))]);
        changes.changed().await.expect("the map exists");
        map.apply(me, [(SHARD, Some(node(2)), Epoch(1))]);
        assert!(!changes.has_changed().expect("the map exists"));
    }
}
