//! Where a tail starts: the cursor before its first event.

use std::collections::{BTreeMap, BinaryHeap};

use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, Timestamp};

use super::cursor::TailCursor;
use super::error::TailError;
use crate::read_ports::EventSource;

/// Positions in one read: the limit of [`EventSource::at`].
const POSITIONS_MAX: usize = 1_000;
/// Shards in one search by time, so that each takes a part of the server's time limit of 5 s: the
/// limit of [`EventSource::first_since`].
const SHARDS_MAX: usize = 64;
/// An event is dated before it is written, and a write waits no longer than its request may: 10
/// minutes at the very most (`request_timeout_ms`). So an event is never after one that is older by
/// more, as long as no clock is set back by more.
const LATE_MICROS_MAX: i64 = 600_000_000;

/// Where a tail starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailFrom {
    /// At the first event of each shard.
    Start,
    /// After the last event of each shard.
    Now,
    /// At the last so many events of all shards, by their times.
    Last(u32),
    /// At the events dated at this time or later.
    At(Timestamp),
    /// After the events that were read already.
    Cursor(TailCursor),
}

impl TailFrom {
    pub(super) const fn since(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            _ => None,
        }
    }
}

/// The last position of each shard.
type Heads = BTreeMap<ShardId, Position>;

/// The cursor to start with, and the heads of the shards if they were needed to find it.
pub(super) async fn first_cursor(
    source: &mut dyn EventSource,
    from: &TailFrom,
) -> Result<(TailCursor, Option<Heads>), TailError> {
    let count = match from {
        TailFrom::Start => return Ok((TailCursor::default(), None)),
        TailFrom::Cursor(cursor) => return Ok((cursor.clone(), None)),
        TailFrom::Now => 0,
        TailFrom::Last(count) => *count,
        TailFrom::At(at) => {
            let early = at.as_micros().saturating_sub(LATE_MICROS_MAX);
            let heads = source.heads().await?;
            let early = before(source, &heads, Timestamp::from_micros(early)).await?;
            let cursor = skip_earlier(source, &heads, &early, *at).await?;
            return Ok((cursor, None));
        }
    };
    let heads = source.heads().await?;
    let cursor = before_last(source, &heads, count).await?;
    Ok((cursor, Some(heads)))
}

/// Moves back from the heads of the shards, always in the shard whose event is the latest.
async fn before_last(
    source: &mut dyn EventSource,
    heads: &Heads,
    count: u32,
) -> Result<TailCursor, TailError> {
    let mut cursor: TailCursor = heads.clone().into_iter().collect();
    if count == 0 {
        return Ok(cursor);
    }
    let positions: Vec<_> = heads.clone().into_iter().collect();
    let key = |event: &RecordedEvent| (event.event.at(), event.shard, event.position);
    let mut last: BinaryHeap<_> = read(source, &positions, heads)
        .await?
        .iter()
        .map(key)
        .collect();
    for _ in 0..count {
        let Some((_, shard, position)) = last.pop() else {
            break;
        };
        cursor.set(shard, position - 1);
        if position > 1 {
            let earlier = read(source, &[(shard, position - 1)], heads).await?;
            last.extend(earlier.iter().map(key));
        }
    }
    Ok(cursor)
}

/// Finds the first event at or after `at` by bisection, in all shards at once.
async fn before(
    source: &mut dyn EventSource,
    heads: &Heads,
    at: Timestamp,
) -> Result<TailCursor, TailError> {
    // Of each shard: a position before it, and one that is not.
    let mut bounds: BTreeMap<ShardId, (Position, Position)> = heads
        .iter()
        .map(|(shard, head)| (*shard, (0, head + 1)))
        .collect();
    // The first round looks at the first events: of a fresh journal, all are after `at`.
    let mut is_first = true;
    loop {
        let open = bounds.iter().filter(|(_, (low, high))| low + 1 < *high);
        let middles: Vec<(ShardId, Position)> = open
            .map(|(shard, (low, high))| {
                let step = if is_first { 1 } else { (high - low) / 2 };
                (*shard, low + step)
            })
            .collect();
        is_first = false;
        if middles.is_empty() {
            break;
        }
        for event in read(source, &middles, heads).await? {
            let bound = bounds.get_mut(&event.shard);
            let (low, high) = bound.expect("the shard was read");
            if event.event.at() < at {
                *low = event.position;
            } else {
                *high = event.position;
            }
        }
    }
    let cursor = bounds.into_iter().map(|(shard, (low, _))| (shard, low));
    Ok(cursor.collect())
}

/// Moves a cursor to the first event of each shard dated at `at` or later. Where events are fresh,
/// most are dated less than [`LATE_MICROS_MAX`] before.
async fn skip_earlier(
    source: &mut dyn EventSource,
    heads: &Heads,
    early: &TailCursor,
    at: Timestamp,
) -> Result<TailCursor, TailError> {
    let behind: Vec<(ShardId, Position)> = heads
        .keys()
        .map(|shard| (*shard, early.of(*shard)))
        .collect();
    // A shard without such an event is read behind its head.
    let mut cursor: TailCursor = heads.clone().into_iter().collect();
    for some in behind.chunks(SHARDS_MAX) {
        for (shard, position) in source.first_since(some, at).await? {
            cursor.set(shard, position - 1);
        }
    }
    Ok(cursor)
}

/// The events at all of these positions, which exist unless the shard has a gap.
async fn read(
    source: &mut dyn EventSource,
    positions: &[(ShardId, Position)],
    heads: &BTreeMap<ShardId, Position>,
) -> Result<Vec<RecordedEvent>, TailError> {
    let mut events = Vec::with_capacity(positions.len());
    for page in positions.chunks(POSITIONS_MAX) {
        let found = source.at(page).await?;
        if found.len() != page.len() {
            let is_there = |wanted: &(ShardId, Position)| {
                let (shard, position) = *wanted;
                found
                    .iter()
                    .any(|event| event.shard == shard && event.position == position)
            };
            let missing = page.iter().find(|wanted| !is_there(wanted));
            let (shard, missing) = *missing.expect("no position is read twice");
            let head = heads.get(&shard).copied().unwrap_or_default();
            return Err(TailError::Gap {
                shard,
                missing,
                head,
            });
        }
        events.extend(found);
    }
    Ok(events)
}
