//! How far a projection is in one shard; pure.

use std::collections::VecDeque;

use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_types::{ShardLease, Timestamp};

/// One shard of a projection. `confirmed` < `next`, and the events between them are in flight.
#[derive(Debug)]
pub(super) struct Progress {
    lease: ShardLease,
    saved: Option<Cursor>,
    resets: u64,
    confirmed: Position,
    next: Position,
    head: Position,
    /// When the events in flight were decided.
    in_flight: VecDeque<Timestamp>,
    poison: Option<Poison>,
    /// Whether the shard waits to be read from the journal.
    pub(super) queued: bool,
    /// Events in its next read, 0 for the default; 1 while one of them is unreadable.
    pub(super) page: u32,
}

/// The event that cannot have its effect.
#[derive(Debug)]
struct Poison {
    position: Position,
    reason: String,
}

impl Progress {
    /// At the saved cursor; behind `begin` if there is none.
    pub(super) fn new(lease: ShardLease, saved: Option<Cursor>, begin: Position) -> Self {
        let mut progress = Self {
            lease,
            saved: None,
            resets: 0,
            confirmed: begin,
            next: begin + 1,
            head: 0,
            in_flight: VecDeque::new(),
            poison: None,
            queued: false,
            page: 0,
        };
        if let Some(saved) = saved {
            progress.set(saved);
        }
        progress
    }

    /// Continues behind a saved cursor.
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

    /// Gives up the events in flight.
    pub(super) fn rewind(&mut self) {
        self.next = self.confirmed + 1;
        self.in_flight.clear();
    }

    pub(super) const fn lease(&self) -> ShardLease {
        self.lease
    }

    pub(super) const fn resets(&self) -> u64 {
        self.resets
    }

    /// The position of the next event to take.
    pub(super) const fn next(&self) -> Position {
        self.next
    }

    /// Notes that the shard has events up to `head`.
    pub(super) fn grown_to(&mut self, head: Position) {
        self.head = self.head.max(head);
    }

    /// Whether the cursor is beyond `head`. That is never so for the journal that the cursor
    /// belongs to.
    pub(super) fn is_beyond(&self, head: Position) -> bool {
        self.confirmed > head
    }

    /// Whether there are events to take.
    pub(super) fn is_behind(&self) -> bool {
        self.next <= self.head && self.poison.is_none()
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.poison.is_some()
    }

    /// Notes that the next event was taken.
    pub(super) fn taken(&mut self, decided_at: Timestamp) {
        self.in_flight.push_back(decided_at);
        self.next += 1;
    }

    /// Notes that the effects of all events up to this position are durable.
    pub(super) fn confirm(&mut self, up_to: Position) {
        // Events that were given up may still be acknowledged.
        let up_to = up_to.min(self.next - 1);
        while self.confirmed < up_to {
            self.confirmed += 1;
            self.in_flight.pop_front();
        }
    }

    /// Stops before the event at this position, unless the shard is stopped already.
    pub(super) fn poisoned(&mut self, position: Position, reason: String) {
        if self.poison.is_none() {
            self.poison = Some(Poison { position, reason });
        }
    }

    /// Events that are not confirmed.
    pub(super) const fn lag(&self) -> u64 {
        self.head.saturating_sub(self.confirmed)
    }

    /// When the oldest event in flight was decided.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.in_flight.front().copied()
    }

    /// The cursor to save, if it has changed since it was saved last.
    pub(super) fn to_save(&self) -> Option<CursorMove> {
        let stopped = self.poison.as_ref();
        // The cursor carries the reason only once all events before the poisoned one are confirmed.
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

    /// The cursor to save if there is none yet.
    pub(super) fn to_begin(&self) -> Option<CursorMove> {
        self.saved.is_none().then(|| self.to_save()).flatten()
    }

    /// Notes the first cursor, unless there is one already.
    pub(super) fn begun(&mut self, cursor: Cursor) {
        if self.saved.is_none() {
            self.set(cursor);
        }
    }

    /// Notes that this cursor was saved.
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
    fn cursor_follows_confirmed_events_only() {
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
        assert_eq!(progress.lag(), 3, "a rewound event is not confirmed");
    }

    #[test]
    fn poisoned_event_stops_shard_once_earlier_ones_are_confirmed() {
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
        let reset = Cursor {
            position: 4,
            resets: 1,
            stopped: None,
            ..saved
        };
        progress.set(reset);
        assert!(progress.is_behind());
        assert_eq!((progress.next(), progress.resets()), (5, 1));
    }
}
