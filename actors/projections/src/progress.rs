//! How far a projection has got in one shard; pure.

use std::collections::VecDeque;

use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_types::{ShardLease, Timestamp};

/// One shard of a projection. Positions: `confirmed` < `next`, and what lies between them is under way.
#[derive(Debug)]
pub(super) struct Progress {
    lease: ShardLease,
    saved: Option<Cursor>,
    resets: u64,
    confirmed: Position,
    next: Position,
    head: Position,
    /// When what is under way was decided.
    under_way: VecDeque<Timestamp>,
    poison: Option<Poison>,
    /// Whether it waits to be read from the journal.
    pub(super) queued: bool,
    /// Events in its next read; one by one where one of them cannot be read.
    pub(super) page: u32,
}

/// The event that cannot have its effect.
#[derive(Debug)]
struct Poison {
    position: Position,
    reason: String,
}

impl Progress {
    /// As it was saved; where it was not, from `begin` on.
    pub(super) fn new(lease: ShardLease, saved: Option<Cursor>, begin: Position) -> Self {
        let mut progress = Self {
            lease,
            saved: None,
            resets: 0,
            confirmed: begin,
            next: begin + 1,
            head: 0,
            under_way: VecDeque::new(),
            poison: None,
            queued: false,
            page: 0,
        };
        if let Some(saved) = saved {
            progress.set(saved);
        }
        progress
    }

    /// Goes on from a saved cursor.
    pub(super) fn set(&mut self, saved: Cursor) {
        self.confirmed = saved.position;
        self.resets = saved.resets;
        self.poison = saved.stopped.clone().map(|reason| Poison {
            position: saved.position + 1,
            reason,
        });
        self.saved = Some(saved);
        self.rewind();
    }

    /// Gives up what is under way.
    pub(super) fn rewind(&mut self) {
        self.next = self.confirmed + 1;
        self.under_way.clear();
    }

    pub(super) const fn lease(&self) -> ShardLease {
        self.lease
    }

    pub(super) const fn resets(&self) -> u64 {
        self.resets
    }

    /// The position that is to be taken next.
    pub(super) const fn next(&self) -> Position {
        self.next
    }

    /// Notes that the shard has events up to here.
    pub(super) fn grown_to(&mut self, head: Position) {
        self.head = self.head.max(head);
    }

    /// The end of the shard as it was read: whether the cursor is beyond it, which no journal of its own allows.
    pub(super) fn is_beyond(&self, head: Position) -> bool {
        self.confirmed > head
    }

    /// Whether there is something to take.
    pub(super) fn is_behind(&self) -> bool {
        self.next <= self.head && self.poison.is_none()
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.poison.is_some()
    }

    /// Notes that the next event was taken.
    pub(super) fn taken(&mut self, decided_at: Timestamp) {
        self.under_way.push_back(decided_at);
        self.next += 1;
    }

    /// Notes what is done.
    pub(super) fn confirm(&mut self, up_to: Position) {
        // What was given up may still be told of.
        let up_to = up_to.min(self.next - 1);
        while self.confirmed < up_to {
            self.confirmed += 1;
            self.under_way.pop_front();
        }
    }

    /// Stops before the event at this position. The first one counts.
    pub(super) fn poisoned(&mut self, position: Position, reason: String) {
        if self.poison.is_none() {
            self.poison = Some(Poison { position, reason });
        }
    }

    /// Events that have not had their effect.
    pub(super) const fn lag(&self) -> u64 {
        self.head.saturating_sub(self.confirmed)
    }

    /// When the oldest of those under way was decided.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.under_way.front().copied()
    }

    /// What is to be saved, if anything has changed since the last time.
    pub(super) fn to_save(&self) -> Option<CursorMove> {
        let stopped = self.poison.as_ref();
        // Until all before it are done, the cursor stands elsewhere.
        let stopped = stopped.filter(|poison| poison.position == self.confirmed + 1);
        let cursor = Cursor {
            shard: self.lease.shard,
            position: self.confirmed,
            resets: self.resets,
            stopped: stopped.map(|poison| poison.reason.clone()),
        };
        (self.saved.as_ref() != Some(&cursor)).then_some(CursorMove {
            lease: self.lease,
            cursor,
        })
    }

    /// What is to be saved where nothing is yet.
    pub(super) fn to_begin(&self) -> Option<CursorMove> {
        self.saved.is_none().then(|| self.to_save()).flatten()
    }

    /// Notes where it begins, if that was not known.
    pub(super) fn begun(&mut self, cursor: Cursor) {
        if self.saved.is_none() {
            self.set(cursor);
        }
    }

    /// Notes what was saved.
    pub(super) fn saved(&mut self, cursor: Cursor) {
        self.saved = Some(cursor);
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::{Epoch, NodeId, ShardId};
    use uuid::Uuid;

    use super::*;

    fn progress(begin: Position) -> Progress {
        let lease = ShardLease {
            shard: ShardId(3),
            owner: NodeId::from_uuid(Uuid::nil()),
            epoch: Epoch(1),
        };
        Progress::new(lease, None, begin)
    }

    fn take(progress: &mut Progress, events: u64) {
        for _ in 0..events {
            progress.taken(Timestamp::from_micros(progress.next().cast_signed()));
        }
    }

    #[test]
    fn the_cursor_follows_what_is_done_and_nothing_else() {
        let mut progress = progress(10);
        progress.grown_to(15);
        assert_eq!((progress.next(), progress.lag()), (11, 5));
        take(&mut progress, 3);
        assert_eq!(progress.to_save().expect("new").cursor.position, 10);
        progress.confirm(12);
        assert_eq!(progress.oldest(), Some(Timestamp::from_micros(13)));
        let saved = progress.to_save().expect("moved").cursor;
        assert_eq!(saved.position, 12);
        progress.saved(saved);
        assert_eq!(progress.to_save(), None);
        progress.rewind();
        assert_eq!((progress.next(), progress.oldest()), (13, None));
        progress.confirm(14);
        assert_eq!(progress.lag(), 3, "what was given up is not done");
    }

    #[test]
    fn a_poisoned_event_stops_the_shard_where_all_before_it_are_done() {
        let mut progress = progress(0);
        progress.grown_to(9);
        take(&mut progress, 5);
        progress.poisoned(4, "too large".into());
        assert!(progress.is_stopped() && !progress.is_behind());
        progress.confirm(2);
        assert_eq!(progress.to_save().expect("moved").cursor.stopped, None);
        progress.confirm(3);
        let saved = progress.to_save().expect("moved").cursor;
        assert_eq!(saved.stopped.as_deref(), Some("too large"));
        let by_hand = Cursor {
            position: 4,
            resets: 1,
            stopped: None,
            ..saved
        };
        progress.set(by_hand);
        assert!(progress.is_behind());
        assert_eq!((progress.next(), progress.resets()), (5, 1));
    }
}
