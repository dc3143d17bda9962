//! Reads the events of a database in order, and then polls for new ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, Timestamp};

use super::cursor::TailCursor;
use super::error::TailError;
use super::start::{TailFrom, first_cursor};
use crate::read_ports::EventSource;

/// Buffered events, or one for each shard if that is more: some megabytes, as most have half a KB.
/// An order of 100 lines with long names has 100 KB.
const BUFFERED_MAX: usize = 2_048;
/// Shards in one read: the limit of [`EventSource::pages`].
const SHARDS_MAX: usize = 64;
/// Events of one shard in one read: the cost of a statement is spread over enough of them.
const PAGE_MAX: usize = 500;

/// Reads the events of one database. It is opened read-only, with or without running nodes, and no
/// transaction stays open between two calls.
pub struct EventTail {
    source: Box<dyn EventSource>,
    /// How far events were returned.
    read: TailCursor,
    /// The last positions that were read to find the start; the first poll uses them.
    start_heads: Option<BTreeMap<ShardId, Position>>,
    /// The last position of each shard at the last poll.
    heads: BTreeMap<ShardId, Position>,
    /// Events that were fetched and not yet returned.
    buffered: HashMap<ShardId, VecDeque<RecordedEvent>>,
    /// The time of the first buffered event of each shard, the earliest on top.
    next: BinaryHeap<Reverse<(Timestamp, ShardId)>>,
    /// The shard whose last buffered event was returned.
    drained: Option<ShardId>,
    /// Events of one shard in one read.
    page: usize,
    /// Events dated before are not returned.
    since: Option<Timestamp>,
}

impl EventTail {
    /// Starts a tail over an opened database, and closes it if that fails.
    pub(crate) async fn over(
        mut source: Box<dyn EventSource>,
        from: &TailFrom,
    ) -> Result<Self, TailError> {
        let (read, start_heads) = match first_cursor(source.as_mut(), from).await {
            Ok(begin) => begin,
            Err(failure) => {
                source.close().await;
                return Err(failure);
            }
        };
        Ok(Self {
            source,
            read,
            start_heads,
            heads: BTreeMap::new(),
            buffered: HashMap::new(),
            next: BinaryHeap::new(),
            drained: None,
            page: 1,
            since: from.since(),
        })
    }

    /// The cursor after the returned events: a tail that starts there returns exactly the rest.
    pub const fn cursor(&self) -> &TailCursor {
        &self.read
    }

    /// Polls for events after those that were returned. [`next`](Self::next) returns the events
    /// found.
    ///
    /// # Errors
    /// [`TailError::Read`] when a read fails, [`TailError::Gap`] when an event is missing,
    /// [`TailError::CursorAhead`] when a shard ends before the cursor.
    pub async fn poll(&mut self) -> Result<(), TailError> {
        self.heads = match self.start_heads.take() {
            Some(heads) => heads,
            None => self.source.heads().await?,
        };
        for (shard, read) in self.read.iter() {
            let head = self.heads.get(&shard).copied().unwrap_or_default();
            if head < read {
                return Err(TailError::CursorAhead { shard, head, read });
            }
        }
        let behind = self.heads.iter();
        let behind = behind.filter(|(shard, head)| self.read.of(**shard) < **head);
        let behind: Vec<ShardId> = behind.map(|(shard, _)| *shard).collect();
        self.page = (BUFFERED_MAX / behind.len().max(1)).clamp(1, PAGE_MAX);
        let is_empty = |shard: &ShardId| !self.buffered.contains_key(shard);
        let empty: Vec<ShardId> = behind.into_iter().filter(is_empty).collect();
        for shards in empty.chunks(SHARDS_MAX) {
            self.fetch_first(shards).await?;
        }
        Ok(())
    }

    /// The next event of those that the last poll found; `None` when all were returned.
    ///
    /// # Errors
    /// [`TailError::Read`] when a read fails, [`TailError::Gap`] when an event is missing.
    pub async fn next(&mut self) -> Result<Option<RecordedEvent>, TailError> {
        loop {
            if let Some(shard) = self.drained.take() {
                self.fetch(shard).await?;
            }
            let Some(Reverse((_, shard))) = self.next.pop() else {
                return Ok(None);
            };
            let buffered = self.buffered.get_mut(&shard);
            let buffered = buffered.expect("a shard in `next` has buffered events");
            let event = buffered
                .pop_front()
                .expect("a shard in `next` has buffered events");
            match buffered.front() {
                Some(next) => self.next.push(Reverse((next.event.at(), shard))),
                None => {
                    self.buffered.remove(&shard);
                    let more = self.heads.get(&shard) > Some(&event.position);
                    self.drained = more.then_some(shard);
                }
            }
            self.read.set(shard, event.position);
            if self.since.is_none_or(|since| event.event.at() >= since) {
                return Ok(Some(event));
            }
        }
    }

    /// Closes the connection that this tail reads with.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Fetches the next events of shards that have none buffered, with one statement for all: there
    /// may be a thousand shards.
    async fn fetch_first(&mut self, shards: &[ShardId]) -> Result<(), TailError> {
        let places = shards.iter().map(|shard| (*shard, self.read.of(*shard)));
        let places: Vec<(ShardId, Position)> = places.collect();
        let limit = u32::try_from(self.page).expect("a page has at most so many");
        let mut pages: HashMap<ShardId, Vec<RecordedEvent>> = HashMap::new();
        for event in self.source.pages(&places, limit).await? {
            // Later ones are for the next poll.
            if self.heads.get(&event.shard) >= Some(&event.position) {
                pages.entry(event.shard).or_default().push(event);
            }
        }
        for (shard, read) in places {
            self.buffer(shard, read, pages.remove(&shard).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Fetches the next events of a shard that has none buffered.
    async fn fetch(&mut self, shard: ShardId) -> Result<(), TailError> {
        let head = self.heads.get(&shard).copied().unwrap_or_default();
        let read = self.read.of(shard);
        let limit = u64::min(self.page as u64, head - read);
        let limit = u32::try_from(limit).expect("a page has at most so many");
        let page = self.source.page(shard, read, limit).await?;
        self.buffer(shard, read, page)
    }

    /// Buffers the events behind `read` of a shard that has more.
    fn buffer(
        &mut self,
        shard: ShardId,
        read: Position,
        page: Vec<RecordedEvent>,
    ) -> Result<(), TailError> {
        // Events before a gap are returned; the next fetch finds the gap at its beginning.
        let contiguous = page.into_iter().zip(read + 1..);
        let contiguous = contiguous.take_while(|(event, position)| event.position == *position);
        let buffered: VecDeque<RecordedEvent> = contiguous.map(|(event, _)| event).collect();
        let Some(first) = buffered.front() else {
            let head = self.heads.get(&shard).copied().unwrap_or_default();
            let missing = read + 1;
            return Err(TailError::Gap {
                shard,
                missing,
                head,
            });
        };
        self.next.push(Reverse((first.event.at(), shard)));
        self.buffered.insert(shard, buffered);
        Ok(())
    }
}
