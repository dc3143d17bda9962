//! The last event seen in each shard.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fritzy_domain::{EventId, Position};
use fritzy_types::ShardId;

use crate::committer::Sequenced;

/// The last event that this node has seen in a shard: acknowledged as its owner, or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownHead {
    pub(crate) shard: ShardId,
    pub(crate) position: Position,
    pub(crate) event: EventId,
}

/// The last event seen in each shard. No failure and no change of owners makes it forget them; only
/// a new generation does.
#[derive(Debug, Default)]
pub(crate) struct KnownHeads(Mutex<HashMap<ShardId, (Position, EventId)>>);

impl KnownHeads {
    /// Notes an event, unless a later one of its shard is known.
    pub(crate) fn note(&self, shard: ShardId, position: Position, event: EventId) {
        self.note_all([(shard, position, event)]);
    }

    /// Notes events that were read.
    pub(crate) fn note_read(&self, read: impl IntoIterator<Item = KnownHead>) {
        self.note_all(
            read.into_iter()
                .map(|head| (head.shard, head.position, head.event)),
        );
    }

    /// Notes the events of a batch that was written. To be called before it is acknowledged.
    pub(crate) fn note_batch(&self, batch: &[Sequenced<'_>]) {
        self.note_all(batch.iter().filter_map(|Sequenced { append, first }| {
            let (event, _) = append.events.last()?;
            let last = first + append.events.len() as u64 - 1;
            Some((append.lease.shard, last, *event))
        }));
    }

    fn note_all(&self, seen: impl IntoIterator<Item = (ShardId, Position, EventId)>) {
        // Every entry is written whole, so a panic of another holder leaves nothing half done.
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (shard, position, event) in seen {
            let head = heads.entry(shard).or_insert((position, event));
            if head.0 < position {
                *head = (position, event);
            }
        }
    }

    /// All of them, in ascending order of shards.
    pub(crate) fn all(&self) -> Vec<KnownHead> {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<KnownHead> = heads
            .iter()
            .map(|(&shard, &(position, event))| KnownHead {
                shard,
                position,
                event,
            })
            .collect();
        all.sort_unstable_by_key(|head| head.shard);
        all
    }

    /// Forgets all: the database has another history now.
    pub(crate) fn forget(&self) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.clear();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn i1_earlier_event_does_not_replace_a_later_one() {
        let heads = KnownHeads::default();
        let event = |number| EventId::from_uuid(Uuid::from_u128(number));
        heads.note(ShardId(3), 7, event(7));
        heads.note(ShardId(3), 6, event(6));
        heads.note(ShardId(1), 1, event(1));
        let found: Vec<_> = heads
            .all()
            .iter()
            .map(|h| (h.shard.0, h.position))
            .collect();
        assert_eq!(found, [(1, 1), (3, 7)]);
        assert_eq!(heads.all()[1].event, event(7));
        heads.forget();
        assert_eq!(heads.all(), []);
    }
}
