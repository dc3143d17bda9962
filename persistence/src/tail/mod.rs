//! The events of a database, one after the other, and then the new ones: in order within each shard, without
//! a gap (invariant I2), and across shards by the moment they were decided.
//!
//! A shard is an ordered stream, a database has many, and nothing orders them among each other but time. So
//! the events that are there at one look are merged by time; those of the next look come behind.

mod cursor;
mod from;
mod source;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::path::Path;

use fritzy_domain::{Position, RecordedEvent};
use fritzy_types::{ShardId, StorageError, Timestamp};

use crate::postgres::PostgresError;
use crate::sqlite::ReadOnlyError;

pub use cursor::{CursorError, TailCursor};
pub use from::TailFrom;
pub(crate) use source::EventSource;

/// Events held at once, or one for each shard, if that is more: some megabyte, as most have half a KB. An
/// order of 100 lines with long names has 100 KB.
const HELD_MAX: usize = 2_048;
/// Events of one shard in one read: the cost of a statement is spread over enough of them.
const PAGE_MAX: usize = 500;

/// Why there are no more events to be had.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The file cannot be looked at.
    #[error(transparent)]
    File(#[from] ReadOnlyError),
    /// The server cannot be asked.
    #[error(transparent)]
    Server(#[from] PostgresError),
    /// A read failed.
    #[error(
        "{0}. Run `fritzy journal verify`; if that finds nothing, run this again from where it ended"
    )]
    Read(#[from] StorageError),
    /// An event is missing in the midst of a shard (invariant I2).
    #[error(
        "shard {shard} has a gap: it has no event at position {missing}, and {head} is its last. Events were lost: \
         run `fritzy journal verify`, and restore a backup"
    )]
    Gap {
        /// The shard.
        shard: ShardId,
        /// The first position that is missing.
        missing: Position,
        /// The last position there is.
        head: Position,
    },
    /// The cursor is not of this database, or the database has lost its end.
    #[error(
        "shard {shard} ends at position {head}, and {read} was read already: the cursor is another database's, \
         or this one was restored from a backup. Begin anew with --from start, or from a time"
    )]
    Behind {
        /// The shard.
        shard: ShardId,
        /// The last position there is, 0 where there is none.
        head: Position,
        /// The position that was read.
        read: Position,
    },
}

/// A database that is read along its events. It is opened for reading only, beside running nodes or without
/// any, and no transaction stays open between two calls.
pub struct EventTail {
    source: Box<dyn EventSource>,
    /// What was handed out.
    read: TailCursor,
    /// Where the shards ended when the beginning was looked for: the first look is that one.
    first_heads: Option<BTreeMap<ShardId, Position>>,
    /// The last position of each shard, at the last look.
    heads: BTreeMap<ShardId, Position>,
    /// Events that were fetched and not yet handed out.
    held: HashMap<ShardId, VecDeque<RecordedEvent>>,
    /// The first held event of each shard by its moment, the earliest at the top.
    next: BinaryHeap<Reverse<(Timestamp, ShardId)>>,
    /// The shard whose last held event was handed out.
    dry: Option<ShardId>,
    /// Events of one shard in one read.
    page: usize,
    /// Events dated before are not handed out.
    since: Option<Timestamp>,
}

impl EventTail {
    /// Opens a SQLite file.
    ///
    /// # Errors
    /// [`TailError`]
    pub async fn open_sqlite(file: &Path, from: &TailFrom) -> Result<Self, TailError> {
        Self::over(crate::sqlite::tail(file).await?, from).await
    }

    /// Opens the database at `url` on a PostgreSQL server.
    ///
    /// # Errors
    /// [`TailError`]
    pub async fn open_postgres(url: &str, from: &TailFrom) -> Result<Self, TailError> {
        Self::over(crate::postgres::tail(url).await?, from).await
    }

    async fn over(mut source: Box<dyn EventSource>, from: &TailFrom) -> Result<Self, TailError> {
        let (read, first_heads) = match from::first_cursor(source.as_mut(), from).await {
            Ok(begin) => begin,
            Err(failure) => {
                source.close().await;
                return Err(failure);
            }
        };
        Ok(Self {
            source,
            read,
            first_heads,
            heads: BTreeMap::new(),
            held: HashMap::new(),
            next: BinaryHeap::new(),
            dry: None,
            page: 1,
            since: from.since(),
        })
    }

    /// Behind what was handed out: a tail that begins there hands out exactly the rest.
    pub const fn cursor(&self) -> &TailCursor {
        &self.read
    }

    /// Looks for events behind those that were handed out. [`next`](Self::next) hands out what is there now.
    ///
    /// # Errors
    /// [`TailError`]
    pub async fn look(&mut self) -> Result<(), TailError> {
        self.heads = match self.first_heads.take() {
            Some(heads) => heads,
            None => self.source.heads().await?,
        };
        for (shard, read) in self.read.iter() {
            let head = self.heads.get(&shard).copied().unwrap_or_default();
            if head < read {
                return Err(TailError::Behind { shard, head, read });
            }
        }
        let news = self.heads.iter();
        let news = news.filter(|(shard, head)| self.read.of(**shard) < **head);
        let news: Vec<ShardId> = news.map(|(shard, _)| *shard).collect();
        self.page = (HELD_MAX / news.len().max(1)).clamp(1, PAGE_MAX);
        for shard in news {
            if !self.held.contains_key(&shard) {
                self.fetch(shard).await?;
            }
        }
        Ok(())
    }

    /// The next event of those that were there at the last look; `None` when all were handed out.
    ///
    /// # Errors
    /// [`TailError`]
    pub async fn next(&mut self) -> Result<Option<RecordedEvent>, TailError> {
        loop {
            if let Some(shard) = self.dry.take() {
                self.fetch(shard).await?;
            }
            let Some(Reverse((_, shard))) = self.next.pop() else {
                return Ok(None);
            };
            let held = self.held.get_mut(&shard);
            let held = held.expect("a shard among the next has held events");
            let event = held
                .pop_front()
                .expect("a shard among the next has held events");
            match held.front() {
                Some(next) => self.next.push(Reverse((next.event.at(), shard))),
                None => {
                    self.held.remove(&shard);
                    let more = self.heads.get(&shard) > Some(&event.position);
                    self.dry = more.then_some(shard);
                }
            }
            self.read.set(shard, event.position);
            if self.since.is_none_or(|since| event.event.at() >= since) {
                return Ok(Some(event));
            }
        }
    }

    /// Closes the database.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Fetches what follows in a shard, of which nothing is held.
    async fn fetch(&mut self, shard: ShardId) -> Result<(), TailError> {
        let head = self.heads.get(&shard).copied().unwrap_or_default();
        let read = self.read.of(shard);
        let limit = u64::min(self.page as u64, head - read);
        let limit = u32::try_from(limit).expect("a page has at most so many");
        let page = self.source.page(shard, read, limit).await?;
        // What comes before a gap is handed out; the fetch behind it finds the gap at its beginning.
        let in_a_row = page.into_iter().zip(read + 1..);
        let in_a_row = in_a_row.take_while(|(event, position)| event.position == *position);
        let held: VecDeque<RecordedEvent> = in_a_row.map(|(event, _)| event).collect();
        let Some(first) = held.front() else {
            let missing = read + 1;
            return Err(TailError::Gap {
                shard,
                missing,
                head,
            });
        };
        self.next.push(Reverse((first.event.at(), shard)));
        self.held.insert(shard, held);
        Ok(())
    }
}
